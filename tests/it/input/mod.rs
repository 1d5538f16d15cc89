//! What is read from a list, and which URLs its lines are.

mod corpus;
mod dry_run;
mod hints;
mod json;
mod lines;
mod tables;
mod urls;
