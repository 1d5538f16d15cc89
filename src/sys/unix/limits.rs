//! File descriptors and threads: how many a process may have.

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::stdio::stdin;

/// The most that macOS lets a soft limit be when the hard limit is infinite (`OPEN_MAX`).
const OPEN_MAX: u64 = 10_240;

/// Raises the soft limit of open files to the hard one (`setrlimit(2)`). Returns the limit that holds
/// then; `None` means no limit.
#[must_use]
pub fn raise_open_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raise_to = |current| {
        let raised = Rlimit { current, ..limit };
        setrlimit(Resource::Nofile, raised).is_ok()
    };
    if raise_to(limit.maximum) {
        return limit.maximum;
    }
    let is_lower = limit.current.is_some_and(|current| current < OPEN_MAX);
    if cfg!(target_vendor = "apple") && is_lower && raise_to(Some(OPEN_MAX)) {
        return Some(OPEN_MAX);
    }
    limit.current
}

/// Returns how many processes and threads the user may have (`getrlimit(2)`, `ulimit -u`); `None` means no limit.
#[must_use]
pub fn thread_limit() -> Option<u64> {
    getrlimit(Resource::Nproc).current
}

/// Makes the kernel's table of descriptors large enough for `descriptors` of them now. Once a process has several
/// threads, Linux halts all of them each time that this table doubles: ten milliseconds and more at 64, 256, 512, ….
/// Duplicating a descriptor to a high number has the table grown at once (`fcntl(2)`, `F_DUPFD_CLOEXEC`).
/// Other systems need no such help.
pub fn reserve_descriptors(descriptors: usize) {
    if cfg!(target_os = "linux")
        && let Ok(last) = i32::try_from(descriptors)
    {
        // If there is no room now, the table grows when it has to.
        drop(fcntl_dupfd_cloexec(stdin(), last));
    }
}
