//! The types that every part of the program shares. They depend on no other part.

pub mod authority;
pub mod body_sink;
pub mod capture;
pub mod captured_body;
pub mod columns;
pub mod error;
pub mod event;
pub mod exit;
pub mod hold_up;
pub mod input;
pub mod live;
pub mod lock;
pub mod mask;
pub mod origin;
pub mod outcome;
pub mod request;
pub mod saved_file;
pub mod status_set;
pub mod text;
pub mod thread_pool;
