//! Everything that differs between systems, behind functions that do not.
//!
//! The rest of the crate calls this module and never `rustix` or `std::os`; a test keeps it so.
//! Standard types cross this border: files, paths, `&str` names, and [`std::io::Error`]s whose
//! [`ErrorKind`](std::io::ErrorKind) says what happened. Each function documents which kinds its callers rely on.
//! Three other types do as well: [`create_temporary`] returns a [`tempfile::NamedTempFile`], [`stop_requests`] and [`status_requests`] a
//! [`futures::Stream`], and [`without_user_timeout`] takes and returns a [`reqwest::ClientBuilder`].
//!
//! To support another family of systems, add a file beside `unix/` and select it below. For Windows, `windows.rs`
//! has to provide the names of the `pub use` below with the same signatures:
//!
//! | name | what stands behind it on Unix | what could on Windows |
//! |---|---|---|
//! | [`AsOpenFile`] | `AsFd` | `AsHandle` |
//! | [`FileIdentity`]`::at`, `::of` | device and inode of `stat(2)` | `GetFileInformationByHandleEx`, `FileIdInfo` |
//! | [`Directory`] | an open descriptor and `openat(2)` etc. | a path and a handle that keeps it from being renamed |
//! | [`DirectoryEntry`]`::name, ::file_number` | `d_name` and `d_ino` of `readdir(3)` | `FindNextFileW`; `FileIdExtdDirectoryInfo` for the number |
//! | [`try_lock`], [`link_count`] | `flock(2)`, `fstat(2)` | `LockFileEx`, `FileStandardInfo` |
//! | [`read_at`], [`write_at`] | `pread(2)`, `pwrite(2)` | `seek_read`, `seek_write` |
//! | [`sync_directory`] | `fsync(2)` | nothing: NTFS logs names itself |
//! | [`create_temporary`] | mode 0666 and the umask | what the folder hands down |
//! | [`boot_id`] | `/proc` on Linux | `None` |
//! | [`stream_kind`], [`duplicate_stdout`] | `fstat(2)`, `dup(2)`; before `main`, `fcntl(2)` | `GetFileType`, `DuplicateHandle`; a closed one has no handle |
//! | [`wait_readable`], [`wait_writable`] | `poll(2)` | an error: no stream is ever non-blocking there |
//! | [`reader_closed`] | `poll(2)` for `POLLERR` | pending for ever: a write tells |
//! | [`stop_requests`] | `SIGINT`, `SIGTERM` | `tokio::signal::windows` |
//! | [`status_requests`], [`survive_status_requests`] | `SIGUSR1`, `SIGINFO` | pending for ever, and nothing |
//! | [`terminal_columns`] | `TIOCGWINSZ` | `GetConsoleScreenBufferInfo` |
//! | [`survive_file_size_limit`] | a handler for `SIGXFSZ` | nothing |
//! | [`raise_open_file_limit`], [`reserve_descriptors`] | `setrlimit(2)`, `fcntl(2)` | `None`, and nothing |
//! | [`thread_limit`] | `getrlimit(2)` | `None` |
//! | [`without_user_timeout`] | a socket option of Linux | nothing |

#[cfg(target_os = "linux")]
mod linux_allocator;
mod paths;
mod types;
#[cfg(unix)]
mod unix;

pub use paths::folder_of;
pub use types::{EntryMetadata, FileIdentity, StopRequest, StreamKind};
#[cfg(unix)]
pub use unix::{
    AsOpenFile, Directory, DirectoryEntry, boot_id, create_temporary, duplicate_stdout, link_count,
    raise_open_file_limit, read_at, reader_closed, reserve_descriptors, status_requests,
    stop_requests, stream_kind, survive_file_size_limit, survive_status_requests, sync_directory,
    terminal_columns, thread_limit, try_lock, wait_readable, wait_writable, without_user_timeout,
    write_at,
};
