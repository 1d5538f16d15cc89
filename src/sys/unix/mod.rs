//! Linux, macOS, FreeBSD and their relatives.
//!
//! Where they differ, `cfg!` in an expression is preferred to `#[cfg]` on an item, so that every build checks all of it.

mod closed_stdout;
mod directory;
mod files;
mod limits;
mod network;
mod signals;
mod streams;

pub use directory::{Directory, DirectoryEntry};
pub use files::{
    AsOpenFile, boot_id, create_temporary, link_count, read_at, sync_directory, try_lock, write_at,
};
pub use limits::{raise_open_file_limit, reserve_descriptors, thread_limit};
pub use network::without_user_timeout;
pub use signals::{
    status_requests, stop_requests, survive_file_size_limit, survive_status_requests,
};
pub use streams::{
    duplicate_stdout, reader_closed, stream_kind, terminal_columns, wait_readable, wait_writable,
};
