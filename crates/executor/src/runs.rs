//! What this executor runs at the moment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use slacktide_engine::id::SubtaskId;
use tokio_util::sync::CancellationToken;

/// The runs, each with its place.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    running: Mutex<HashMap<SubtaskId, Running>>,
    interrupt: CancellationToken,
}

#[derive(Debug)]
struct Running {
    epoch: i64,
    cancel: CancellationToken,
}

/// A run's place. Given up however the run ends, a panic included: then the next tick finds the run lost and
/// runs it again.
#[derive(Debug)]
pub(crate) struct Place {
    runs: Arc<Runs>,
    id: SubtaskId,
    epoch: i64,
    /// Interrupts the run: it is to hand itself back.
    pub(crate) cancel: CancellationToken,
}

impl Runs {
    pub(crate) fn enter(self: &Arc<Self>, id: SubtaskId, epoch: i64) -> Place {
        let cancel = self.interrupt.child_token();
        let entry = Running {
            epoch,
            cancel: cancel.clone(),
        };
        self.running().insert(id, entry);
        let runs = Arc::clone(self);
        Place {
            runs,
            id,
            epoch,
            cancel,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.running().len()
    }

    /// Whether this very run has its place here.
    pub(crate) fn has(&self, id: SubtaskId, epoch: i64) -> bool {
        self.running()
            .get(&id)
            .is_some_and(|run| run.epoch == epoch)
    }

    /// Interrupts what runs now.
    pub(crate) fn interrupt(&self) {
        for run in self.running().values() {
            run.cancel.cancel();
        }
    }

    /// Interrupts what runs now, and whatever is entered after.
    pub(crate) fn interrupt_for_good(&self) {
        self.interrupt.cancel();
    }

    fn running(&self) -> MutexGuard<'_, HashMap<SubtaskId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A later run of the same subtask may have the place by now.
        if self.runs.has(self.id, self.epoch) {
            self.runs.running().remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SubtaskId = SubtaskId(1);

    #[test]
    fn a_place_that_is_given_up_late_leaves_a_later_run_of_the_subtask_alone() {
        let runs = Arc::new(Runs::default());
        let earlier = runs.enter(ID, 3);
        let later = runs.enter(ID, 5);
        drop(earlier);
        assert!(runs.has(ID, 5) && !runs.has(ID, 3));
        drop(later);
        assert_eq!(runs.count(), 0);
    }

    #[test]
    fn what_is_entered_after_an_interruption_for_good_is_interrupted_too() {
        let runs = Arc::new(Runs::default());
        let before = runs.enter(ID, 3);
        runs.interrupt_for_good();
        let after = runs.enter(SubtaskId(2), 4);
        assert!(before.cancel.is_cancelled() && after.cancel.is_cancelled());
    }
}
