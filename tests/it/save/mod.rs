//! `-o`: which files are written, under which names, and what happens when that fails.

mod ends;
mod existing;
mod files;
mod intruders;
mod leftovers;
mod names;
mod names_asked;
mod options;
mod own_files;
mod resume;
mod resume_answers;
mod resume_kept;
mod resume_part;
mod slow_disk;
