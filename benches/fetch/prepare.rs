//! What a row needs before anybody can run: lists of URLs, and files to fetch.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Result, ensure};

use crate::peers::{Lists, Work};
use crate::rows::Load;
use crate::server::{Origin, Servers};

const FILE: usize = 10 * 1024 * 1024;

/// What curl does with a body that is not to be saved.
const DISCARD: &str = "/dev/null";

/// What is to be done; `None` where no server can answer.
pub(crate) fn prepare(load: Load, servers: &Servers, folder: &Path) -> Result<Option<Work>> {
    let numbered = |base: String, count: usize| -> Result<Work> {
        let url = |number| format!("{base}{number}");
        let prompt = servers.base(Origin::Plain).unwrap_or_default();
        let prompt = |number| format!("{prompt}{number}");
        let discard = |_| DISCARD.to_owned();
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
            let discard = |_| DISCARD.to_owned();
            Some(Work::List(lists(folder, count, url, discard, url)?))
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
    })
}

fn lists(
    folder: &Path,
    count: usize,
    url: impl Fn(usize) -> String,
    output: impl Fn(usize) -> String,
    prompt: impl Fn(usize) -> String,
) -> Result<Lists> {
    let lists = Lists {
        count,
        urls: folder.join("urls"),
        curl: folder.join("urls.curl"),
        prompt: folder.join("urls.prompt"),
    };
    // Written as they are made: a child's peak of memory starts at what its parent holds.
    let mut urls = BufWriter::new(File::create(&lists.urls)?);
    let mut curl = BufWriter::new(File::create(&lists.curl)?);
    let mut prompts = BufWriter::new(File::create(&lists.prompt)?);
    for number in 0..count {
        let url = url(number);
        writeln!(urls, "{url}")?;
        let output = output(number);
        writeln!(curl, "url = \"{url}\"\noutput = \"{output}\"")?;
        writeln!(prompts, "{}", prompt(number))?;
    }
    for mut list in [urls, curl, prompts] {
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
        lists: lists(folder, count, url, output, url)?,
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
