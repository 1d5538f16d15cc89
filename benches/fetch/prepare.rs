//! What a row needs before anybody can run: lists of URLs, and files to fetch.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Result, ensure};

use crate::peers::{Lists, Work};
use crate::rows::Load;
use crate::server::{Origin, Servers};

const FILE: usize = 10 * 1024 * 1024;

/// What is to be done; `None` where no server can answer.
pub(crate) fn prepare(load: Load, servers: &Servers, folder: &Path) -> Result<Option<Work>> {
    let numbered = |base: String, count: usize| -> Result<Work> {
        let url = |number| format!("{base}{number}");
        let prompt = servers.base(Origin::Plain).unwrap_or_default();
        let prompt = |number| format!("{prompt}{number}");
        Ok(Work::List(lists(folder, count, url, prompt)?))
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
            Some(Work::List(lists(folder, count, url, url)?))
        }
        Load::Files(count) => match servers.files() {
            Some(base) => Some(files(folder, count, &base)?),
            None => None,
        },
        Load::Single(origin) => servers.base(origin).map(Work::Url),
    })
}

fn lists(
    folder: &Path,
    count: usize,
    url: impl Fn(usize) -> String,
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
        writeln!(curl, "url = \"{url}\"\noutput = /dev/null")?;
        writeln!(prompts, "{}", prompt(number))?;
    }
    for mut list in [urls, curl, prompts] {
        list.flush()?;
    }
    Ok(lists)
}

fn files(folder: &Path, count: usize, base: &str) -> Result<Work> {
    let from = folder.join("files");
    fs::create_dir_all(&from)?;
    let url = |number| format!("{base}{number}.bin");
    let mut content = vec![0; 64 * 1024];
    for number in 0..count {
        let mut file = File::create(from.join(format!("{number}.bin")))?;
        for _ in 0..FILE / content.len() {
            fastrand::fill(&mut content);
            file.write_all(&content)?;
        }
    }
    Ok(Work::Save {
        lists: lists(folder, count, url, url)?,
        from,
        to: folder.join("saved"),
    })
}

/// Removes what a run saved, after a look whether it is all there.
pub(crate) fn clear(work: &Work) -> Result<()> {
    let Work::Save { from, to, .. } = work else {
        return Ok(());
    };
    let complete = fs::read_dir(from)?.all(|entry| {
        let saved = entry.map(|entry| to.join(entry.file_name()));
        saved
            .and_then(fs::metadata)
            .is_ok_and(|saved| saved.len() == FILE as u64)
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
