//! A PID namespace, so that no process of an engine outlives its test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{engine, wait_for};

pub(crate) struct Namespace {
    unshare: Child,
    id: PathBuf,
}

impl Namespace {
    /// Starts a shell script as the first process. `prepare` sets the folder and the environment.
    pub(crate) fn start(script: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = engine("unshare");
        // The shell runs something after the script, so it stays and reaps orphans.
        let script = format!("{script}\nexit $?");
        command
            .args(["--pid", "--mount-proc", "--kill-child", "sh", "-c", &script])
            .stdin(Stdio::piped());
        prepare(&mut command);
        let mut unshare = command.spawn().unwrap();
        let link = format!("/proc/{}/ns/pid_for_children", unshare.id());
        let ours = fs::read_link("/proc/self/ns/pid").unwrap();
        let id = wait_for("the namespace", || {
            let ended = unshare.try_wait().unwrap();
            assert!(ended.is_none(), "{command:?}: {ended:?}");
            // The namespace exists once its first process does.
            fs::read_link(&link).ok().filter(|id| *id != ours)
        });
        Self { unshare, id }
    }

    /// The processes in the namespace.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let inside = entries
            .map(|entry| entry.path())
            .filter(|path| fs::read_link(path.join("ns/pid")).is_ok_and(|id| id == self.id));
        inside.filter_map(|path| Process::at(&path)).collect()
    }

    /// The processes of this name.
    pub(crate) fn named(&self, name: &str) -> Vec<Process> {
        let mut processes = self.processes();
        processes.retain(|process| process.name == name);
        processes
    }

    /// The nearest ancestor of this name.
    #[track_caller]
    pub(crate) fn ancestor(&self, process: &Process, name: &str) -> Process {
        let mut processes = self.processes();
        let mut parent = process.parent;
        while let Some(at) = processes.iter().position(|other| other.id == parent) {
            let found = processes.swap_remove(at);
            if found.name == name {
                return found;
            }
            parent = found.parent;
        }
        panic!("{} comes from no {name}", process.command)
    }

    /// Waits until its script has ended.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the end of the engine", || self.unshare.try_wait().unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The first process is killed with it, and all others with the first.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        if !std::thread::panicking() {
            wait_for("the end of all that the engine started", || {
                self.processes().is_empty().then_some(())
            });
        }
    }
}

pub(crate) struct Process {
    id: i32,
    parent: i32,
    name: String,
    /// The arguments, separated by blanks.
    pub(crate) command: String,
}

impl Process {
    /// `None` if the process has ended or is a zombie.
    fn at(path: &Path) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(path.join(name)).ok();
        let (command, status) = (read("cmdline")?, read("status")?);
        let field = |name: &str| {
            let mut lines = status.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"))
        };
        (!command.is_empty()).then_some(Self {
            id: path.file_name()?.to_str()?.parse().ok()?,
            parent: field("PPid")?.parse().ok()?,
            name: field("Name")?.to_owned(),
            command: command.trim_end_matches('\0').replace('\0', " "),
        })
    }

    pub(crate) fn has_ended(&self) -> bool {
        Self::at(Path::new(&format!("/proc/{}", self.id))).is_none()
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(&self) {
        kill_process(Pid::from_raw(self.id).unwrap(), Signal::KILL).unwrap();
    }
}
