//! Options of time: the limits of one attempt.

use crate::cli::TimeArgs;
use crate::http::Limits;

/// Returns the limits of one attempt.
pub(super) fn limits(args: &TimeArgs) -> Limits {
    Limits {
        total: args.timeout.0,
        connect: args.connect_timeout.0,
        silence: args.read_timeout.0,
    }
}
