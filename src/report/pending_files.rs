//! Saved files whose records have not been written yet.
//!
//! A new file without a record must not survive the run: the next run could not tell it from a
//! file that somebody else put there. Dropping the [`PendingFile`] removes it, if it can be taken back.
//! The list is shared between the reporter and the printer instead of belonging to the printer, because
//! the printer may still be blocked on a full pipe when the run is over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::model::lock::lock;
use crate::model::outcome::Outcome;
use crate::model::saved_file::PendingFile;

/// Pending files, in the order of their records.
#[derive(Clone, Default)]
pub(super) struct PendingFiles(Arc<Mutex<VecDeque<Box<dyn PendingFile>>>>);

impl PendingFiles {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Box<dyn PendingFile>>> {
        lock(&self.0)
    }

    /// Moves the pending file of `outcome`, if it has one, to the end of the list. Returns how
    /// many files were added: 0 or 1.
    pub(super) fn push(&self, outcome: &mut Outcome) -> usize {
        // Without `-o` no outcome has one, so the lock is not taken.
        let Some(pending) = outcome.pending_file.take() else {
            return 0;
        };
        self.queue().push_back(pending);
        1
    }

    /// Notes that the records of the first `count` files are written: these files stay.
    pub(super) fn mark_recorded(&self, count: usize) {
        let mut queue = self.queue();
        let count = count.min(queue.len());
        queue.drain(..count).for_each(PendingFile::recorded);
    }
}

/// When dropped, drops every [`PendingFile`] whose record has not been written by then, which removes the new files.
pub struct UnrecordedFiles(pub(super) PendingFiles);

impl Drop for UnrecordedFiles {
    fn drop(&mut self) {
        self.0.queue().clear();
    }
}
