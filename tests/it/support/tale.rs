//! Reports which of many random or generated cases failed.

use std::thread;

/// Prints a text if the test fails.
pub(crate) struct Tale(pub(crate) String);

impl Drop for Tale {
    #[expect(clippy::print_stderr, reason = "explains the failure")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("with {}", self.0);
        }
    }
}
