//! What all parts know.

pub mod error;
pub mod event;
pub mod exit;
pub mod origin;
pub mod outcome;
pub mod request;
pub mod text;
