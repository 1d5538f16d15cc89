//! Files whose records are not written yet.
//!
//! They are not the printer's: it may be stuck in a pipe when the run is over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::outcome::{Outcome, PendingFile};

/// Receipts in the order of their records.
#[derive(Clone, Default)]
pub(super) struct PendingFiles(Arc<Mutex<VecDeque<Box<dyn PendingFile>>>>);

impl PendingFiles {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Box<dyn PendingFile>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the receipt of `outcome`; how many that were.
    pub(super) fn push(&self, outcome: &mut Outcome) -> usize {
        // Most outcomes have none: no lock for those.
        let Some(pending) = outcome.pending_file.take() else {
            return 0;
        };
        self.queue().push_back(pending);
        1
    }

    /// The records of the first `count` are written.
    pub(super) fn mark_recorded(&self, count: usize) {
        let mut queue = self.queue();
        let count = count.min(queue.len());
        queue.drain(..count).for_each(PendingFile::recorded);
    }
}

/// Takes back, when it is dropped, every file whose record is not written by then.
pub struct UnrecordedFiles(pub(super) PendingFiles);

impl Drop for UnrecordedFiles {
    fn drop(&mut self) {
        self.0.queue().clear();
    }
}
