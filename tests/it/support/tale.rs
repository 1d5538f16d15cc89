//! Which of the many things that were tried it was that failed.

use std::thread;

/// Says so when its test fails.
pub(crate) struct Tale(pub(crate) String);

impl Drop for Tale {
    #[expect(clippy::print_stderr, reason = "for who reads of the failure")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("with {}", self.0);
        }
    }
}
