//! Whether standard output was closed when the process began.
//!
//! Rust opens `/dev/null` in place of each closed standard stream before `main`, so that no file gets its number. From
//! then on, a run whose records are lost looks like one with `> /dev/null`. Only what runs earlier can tell them apart:
//! a constructor, which the loader calls.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::fcntl_getfd;
use rustix::stdio::stdout;

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

// The word `unsafe` belongs to the macro: what runs this early may not rely on anything that Rust's start sets up. This
// makes one system call, which uses nothing of the standard library, and stores a flag.
ctor_lite::ctor! {
    unsafe fn look_at_stdout() {
        WAS_CLOSED.store(fcntl_getfd(stdout()).is_err(), Ordering::Relaxed);
    }
}

/// Whether standard output was closed when the process began (`fcntl(2)`, `F_GETFD`).
pub(super) fn was_stdout_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}
