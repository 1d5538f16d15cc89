//! `--journal`: which inputs a later run skips.

mod crash;
mod ends;
mod files;
mod guard;
mod records;
