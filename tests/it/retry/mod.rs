//! Which attempts are made again, and when.

mod attempts;
mod back_off;
mod policy;
mod retry_after;
mod retry_after_limits;
