//! What a row needs before anybody can run: lists of URLs, and files to fetch.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Result, ensure};

use crate::peers::{Lists, Work};
use crate::rows::{LIVE_PAUSE, Load};
use crate::server::{Origin, Servers};

const FILE: usize = 10 * 1024 * 1024;

/// What curl does with a body that is not to be saved.
const DISCARD: &str = "/dev/null";

/// What is to be done; `None` where no server can answer.
pub(crate) fn prepare(load: Load, servers: &Servers, folder: &Path) -> Result<Option<Work>> {
    let discard = |_| DISCARD.to_owned();
    let numbered = |base: String, count: usize| -> Result<Work> {
        let url = |number| format!("{base}{number}");
        let prompt = servers.base(Origin::Plain).unwrap_or_default();
        let prompt = |number| Some(format!("{prompt}{number}"));
        Ok(Work::List(lists(folder, count, url, discard, prompt)?))
    };
    Ok(match load {
        Load::Small(origin, count) => match servers.base(origin) {
            Some(base) => Some(numbered(base, count)?),
            None => None,
        },
        Load::Delayed(count, pause) => Some(numbered(servers.delayed(pause), count)?),
        Load::Hosts(count) => {
            if servers.host(0).is_none() {
                return Ok(None);
            }
            let url = |host| servers.host(host).unwrap_or_default();
            Some(Work::List(lists(folder, count, url, discard, |_| None)?))
        }
        Load::Files(count) => match servers.files() {
            Some(base) => Some(files(folder, count, FILE, &base)?),
            None => None,
        },
        Load::Far(count, size) => match servers.far_files() {
            Some(base) => Some(files(folder, count, size, &base)?),
            None => None,
        },
        Load::Single(origin) => servers.base(origin).map(Work::Url),
        Load::Sorted {
            hosts,
            each,
            pause,
            piped,
        } => {
            let count = hosts * each;
            let url = |number| format!("{}{number}", servers.delayed_at(number / each, pause));
            let reference = |number| Some(url(shuffled(number, count)));
            let lists = lists(folder, count, url, discard, reference)?;
            Some(Work::List(Lists { piped, ..lists }))
        }
        Load::Dead { dead, live, hosts } => {
            let count = dead + live;
            let base = |number| servers.delayed_at(number % hosts, LIVE_PAUSE);
            let live_url = |number| format!("{}{number}", base(number));
            let url = |number| match shuffled(number, count) {
                number if number < live => live_url(number),
                number => format!("{}{number}", servers.dead()),
            };
            let reference = |number| Some(shuffled(number, count)).filter(|number| *number < live);
            let reference = |number| reference(number).map(live_url);
            let lists = lists(folder, count, url, discard, reference)?;
            let answered = Some(live);
            Some(Work::List(Lists { answered, ..lists }))
        }
        Load::Busy(count) => {
            let url = |number| format!("{}{number}", servers.busy());
            let lists = lists(folder, count, url, discard, |_| None)?;
            let answered = None;
            Some(Work::List(Lists { answered, ..lists }))
        }
    })
}

/// Returns the place of number `number` of `count`, a multiple of 100, in another order, in which neighbors are far apart.
const fn shuffled(number: usize, count: usize) -> usize {
    number * 61_803 % count
}

fn lists(
    folder: &Path,
    count: usize,
    url: impl Fn(usize) -> String,
    output: impl Fn(usize) -> String,
    reference: impl Fn(usize) -> Option<String>,
) -> Result<Lists> {
    let lists = Lists {
        count,
        answered: Some(count),
        urls: folder.join("urls"),
        curl: folder.join("urls.curl"),
        reference: folder.join("urls.reference"),
        piped: false,
    };
    // Written as they are made: a child's peak of memory starts at what its parent holds.
    let mut urls = BufWriter::new(File::create(&lists.urls)?);
    let mut curl = BufWriter::new(File::create(&lists.curl)?);
    let mut references = BufWriter::new(File::create(&lists.reference)?);
    for number in 0..count {
        let url = url(number);
        writeln!(urls, "{url}")?;
        let output = output(number);
        writeln!(curl, "url = \"{url}\"\noutput = \"{output}\"")?;
        if let Some(url) = reference(number) {
            writeln!(references, "{url}")?;
        }
    }
    for mut list in [urls, curl, references] {
        list.flush()?;
    }
    Ok(lists)
}

fn files(folder: &Path, count: usize, size: usize, base: &str) -> Result<Work> {
    let (from, to) = (folder.join("files"), folder.join("saved"));
    fs::create_dir_all(&from)?;
    let url = |number| format!("{base}{number}.bin");
    let output = |number| to.join(format!("{number}.bin")).display().to_string();
    let mut content = vec![0; 64 * 1024];
    for number in 0..count {
        let mut file = File::create(from.join(format!("{number}.bin")))?;
        let mut left = size;
        while left > 0 {
            fastrand::fill(&mut content);
            let length = left.min(content.len());
            file.write_all(&content[..length])?;
            left -= length;
        }
    }
    Ok(Work::Save {
        lists: lists(folder, count, url, output, |_| None)?,
        from,
        to,
    })
}

/// Removes what a run saved, after a look whether it is all there.
pub(crate) fn clear(work: &Work) -> Result<()> {
    let Work::Save { from, to, .. } = work else {
        return Ok(());
    };
    let complete = fs::read_dir(from)?.all(|entry| {
        let is_saved = |entry: fs::DirEntry| {
            let saved = fs::metadata(to.join(entry.file_name()))?;
            Ok(saved.len() == entry.metadata()?.len())
        };
        entry.and_then(is_saved).unwrap_or(false)
    });
    fs::remove_dir_all(to)?;
    ensure!(complete, "files are missing");
    Ok(())
}

/// Removes the files that were there to be fetched.
pub(crate) fn remove_files(work: &Work) -> Result<()> {
    match work {
        Work::Save { from, .. } => Ok(fs::remove_dir_all(from)?),
        Work::List(_) | Work::Url(_) => Ok(()),
    }
}
