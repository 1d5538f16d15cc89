//! Every system call that has to do with files fails once: nothing is torn, nothing is told that is not so, and the
//! next run comes to the end.

use std::{
    collections::HashMap, fs, path::PathBuf, sync::LazyLock, thread, time::Duration, time::Instant,
};

use crate::support::{
    Fetch, Folder, JOURNAL, Output, PATIENCE, Running, Server,
    journal::{is_part, records_so_far},
    ok,
    record::RecordExt as _,
    resume::{LENGTH, cut, half_loaded, honest},
    tale::Tale,
    text::bytes,
};

const CALLS: &str = "openat read write pread64 pwrite64 writev lseek fstat newfstatat statx getdents64 flock fchmod \
    mkdir mkdirat link linkat unlink unlinkat rename renameat renameat2 ftruncate fallocate fsync fdatasync \
    copy_file_range sendfile";

const ETAG: (&str, &str) = ("ETag", "\"v1\"");
const NAMES: [&str; 4] = ["a", "empty", "other", "small"];

static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| bytes(LENGTH));

fn body(name: &str) -> &'static [u8] {
    match name {
        "a" => &LARGE,
        "empty" => b"",
        "other" => b"another",
        "small" => b"a small one",
        _ => panic!("{name} was not in the list"),
    }
}

/// What fails, and how.
#[derive(Clone, Copy)]
struct Fault {
    call: &'static str,
    error: &'static str,
    /// Only on the files whose names are known beforehand.
    named: bool,
}

/// What was hit by a fault.
#[derive(PartialEq)]
enum Hit {
    Nothing,
    Files,
    /// The pipe by which a thread wakes another: no disk does that, and no program lives on without.
    WakingUp,
}

/// A list, a folder, and a server, for two runs.
struct Site {
    folder: Folder,
    server: Server,
    goes_on: bool,
}

impl Site {
    /// Where a half-loaded file is to be gone on with, it is there.
    fn new(goes_on: bool) -> Self {
        let large = honest(LARGE.clone(), ETAG);
        let first = if goes_on {
            cut(&[ETAG], &LARGE)
        } else {
            large.clone()
        };
        let server = Server::build()
            .route_in_turn("/a", [first, large])
            .route("/empty", ok(body("empty")))
            .route("/other", ok(body("other")))
            .route("/small", ok(body("small")))
            .may_stay_unasked()
            .start();
        let folder = Folder::new();
        if goes_on {
            half_loaded(&folder, &server);
        } else {
            // That it has to be made is a call that can fail.
            fs::remove_dir(folder.beside("out")).unwrap();
        }
        Self {
            folder,
            server,
            goes_on,
        }
    }

    fn list(&self) -> String {
        NAMES
            .iter()
            .map(|name| self.server.url(&format!("/{name}\n")))
            .collect()
    }

    fn fetch(&self) -> Fetch {
        let also: &[&str] = if self.goes_on { &["-c"] } else { &[] };
        self.folder
            .keeping()
            .arg("--fsync")
            .args(also)
            .file("list", self.list())
            .arg("list")
    }

    fn log(&self) -> PathBuf {
        self.folder.beside("log")
    }

    fn may_be_part(&self, name: &str) -> bool {
        self.goes_on && is_part(name)
    }

    /// Whatever came of a run: what has its name is whole, and what was told is so.
    #[track_caller]
    fn assert_whole(&self, out: &Output) {
        let stdout = self.folder.beside("stdout");
        if self.folder.beside("out").exists() {
            for name in self.folder.visible() {
                assert!(
                    self.may_be_part(&name) || self.folder.read(&name) == body(&name),
                    "{name} is torn; {}",
                    out.stderr()
                );
            }
        }
        for record in records_so_far(&stdout) {
            self.folder.assert_true(&record);
            let name = record.text("url").rsplit('/').next().unwrap();
            assert_eq!(
                self.folder.path(name).exists(),
                record["outcome"] == "ok",
                "the file of {record}"
            );
        }
    }

    /// A run that nothing disturbs puts all in order.
    #[track_caller]
    fn assert_mended(&self, fault: &str) {
        self.fetch().run().exits(0);
        assert!(
            self.folder.temporaries().is_empty(),
            "{:?}",
            self.folder.tree()
        );
        let mut left = self.folder.visible();
        if fault.starts_with("unlink") {
            // Done, but for the tidying up, which no one has a reason to come back for.
            left.retain(|name| !self.may_be_part(name));
        }
        assert_eq!(left, NAMES);
        for name in NAMES {
            assert!(self.folder.read(name) == body(name), "{name}");
        }
        self.folder.assert_all_ok(&self.list());
    }

    fn command(&self, fault: Fault, n: usize) -> Vec<String> {
        let Fault { call, error, named } = fault;
        let mut words: Vec<_> = ["strace", "-f", "-qq", "-y", "-o"]
            .map(str::to_owned)
            .into();
        words.push(self.log().display().to_string());
        if named {
            for name in ["stdout", JOURNAL, "out", "out/a.part", "out/.a.part.json"] {
                words.push(format!("-P{}", self.folder.beside(name).display()));
            }
        }
        // A question mark, because not every machine has every call.
        words.push(format!("-etrace=?{call}"));
        words.push(format!("-einject=?{call}:error={error}:when={n}"));
        words
    }

    fn hit(&self) -> Hit {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let mut calls = calls(&log);
        calls.retain(|call| call.contains("(INJECTED)"));
        if calls.is_empty() {
            Hit::Nothing
        } else if calls.iter().any(|call| call.contains("<anon_inode:")) {
            Hit::WakingUp
        } else {
            Hit::Files
        }
    }

    /// Waits for the end, but not for that of a run that cannot come to one.
    #[track_caller]
    fn end(&self, mut run: Running) -> Output {
        let began = Instant::now();
        while !run.has_ended() {
            let patience = match self.hit() {
                Hit::WakingUp => Duration::from_secs(2),
                Hit::Nothing | Hit::Files => PATIENCE,
            };
            if began.elapsed() > patience {
                run.kill_below();
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        run.end()
    }
}

/// The calls in what strace wrote. One during which another thread made its own stands
/// there in two lines: the first says what it was called with, the second what came of it.
fn calls(log: &str) -> Vec<String> {
    let mut unfinished = HashMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or(("", line));
        if let Some((begun, _)) = call.split_once("<unfinished ...>") {
            unfinished.insert(thread, begun);
        } else {
            let begun = call.contains("resumed>").then(|| unfinished.remove(thread));
            calls.push(begun.flatten().unwrap_or_default().to_owned() + call);
        }
    }
    calls
}

#[test]
fn a_call_in_two_lines_is_one() {
    let log = "7  write(5<anon_inode:[eventfd]>, \"\", 8 <unfinished ...>\n\
               8  write(1</out>, \"x\", 1) = 1\n\
               7  <... write resumed>) = -1 EIO (Input/output error) (INJECTED)\n";
    let calls = calls(log);
    assert_eq!(calls.len(), 2);
    assert!(calls[0].contains("</out>") && !calls[0].contains("(INJECTED)"));
    assert!(calls[1].contains("<anon_inode:") && calls[1].contains("(INJECTED)"));
}

/// The `n`-th such call of each thread fails. Whether there was one.
fn fails(fault: Fault, n: usize, goes_on: bool) -> bool {
    let Fault { call, error, named } = fault;
    let _tale = Tale(format!(
        "{error} from call {n} of {call}, named files only: {named}"
    ));
    let site = Site::new(goes_on);
    let run = site
        .fetch()
        .stdout_to(site.folder.beside("stdout"))
        .under(site.command(fault, n))
        .spawn();
    let out = site.end(run);
    let hit = site.hit();
    if hit != Hit::WakingUp {
        assert!(!out.was_killed(), "it hangs: {}", out.stderr());
        out.assert_sane();
    }
    site.assert_whole(&out);
    site.assert_mended(call);
    if hit == Hit::Nothing {
        out.exits(0);
        return false;
    }
    true
}

/// Every call in turn, each time it is made.
fn torture(goes_on: bool) {
    let everywhere = CALLS.split(' ').map(|call| (call, false));
    let named = ["read", "write", "writev"].map(|call| (call, true));
    let mut on_files = 0;
    for (call, named) in everywhere.chain(named) {
        for error in ["EIO", "ENOSPC"] {
            let fault = Fault { call, error, named };
            let mut times = 0;
            while fails(fault, times + 1, goes_on) {
                times += 1;
                assert!(times < 1000, "{call} is called again and again");
            }
            if named || ["linkat", "renameat2", "fsync", "flock"].contains(&call) {
                on_files += times;
            }
        }
    }
    assert!(
        on_files > NAMES.len(),
        "hardly anything was hit: {on_files}"
    );
}

#[test]
#[ignore = "needs strace; .ci/run installs and runs it"]
fn a_call_that_fails_tears_nothing() {
    torture(false);
}

#[test]
#[ignore = "needs strace; .ci/run installs and runs it"]
fn a_call_that_fails_tears_nothing_of_what_is_gone_on_with() {
    torture(true);
}

#[test]
fn a_limit_on_the_size_of_files_tears_nothing() {
    for goes_on in [false, true] {
        // In blocks of 512 bytes, up to where everything fits.
        for limit in [0, 1, 2, 3, 4, 5, 8, 100, 2047, 2048, 2049, 4000, 4095, 5000] {
            let site = Site::new(goes_on);
            let out = site
                .fetch()
                .after("ulimit -f $LIMIT")
                .env("LIMIT", limit.to_string())
                .run();
            assert!([0, 1, 3].contains(&out.code()), "{}", out.stderr());
            assert!(limit < 5000 || out.code() == 0, "{}", out.stderr());
            fs::write(site.folder.beside("stdout"), out.stdout()).unwrap();
            site.assert_whole(&out);
            site.assert_mended("write");
        }
    }
}
