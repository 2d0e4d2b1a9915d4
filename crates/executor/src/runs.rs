//! What this executor runs at the moment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use slacktide_engine::{id::SubtaskId, subtask::Subtask};
use tokio_util::sync::CancellationToken;

/// The runs, each with its place.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    state: Mutex<State>,
    interrupt: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    running: HashMap<SubtaskId, Running>,
    /// Room on the own host that claims under way may fill.
    reserved: usize,
}

#[derive(Debug)]
struct Running {
    epoch: i64,
    on_host: bool,
    interrupt: CancellationToken,
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
    pub(crate) interrupt: CancellationToken,
    /// Cancels the run: it is to end itself.
    pub(crate) cancel: CancellationToken,
}

/// Room on the own host, kept for one claim: two at a time never fill the same.
#[derive(Debug)]
pub(crate) struct HostRoom {
    runs: Arc<Runs>,
    /// How many runs may be claimed.
    pub(crate) room: usize,
}

impl Runs {
    pub(crate) fn enter(self: &Arc<Self>, subtask: &Subtask) -> Place {
        let (id, epoch) = (subtask.id, subtask.epoch);
        let interrupt = self.interrupt.child_token();
        let cancel = CancellationToken::new();
        let entry = Running {
            epoch,
            on_host: subtask.host.is_some(),
            interrupt: interrupt.clone(),
            cancel: cancel.clone(),
        };
        self.state().running.insert(id, entry);
        let runs = Arc::clone(self);
        Place {
            runs,
            id,
            epoch,
            interrupt,
            cancel,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.state().running.len()
    }

    /// Takes what is left of `limit` runs on the own host, not counting the run that is about to end.
    pub(crate) fn reserve(self: &Arc<Self>, limit: usize, ending: Option<SubtaskId>) -> HostRoom {
        let mut state = self.state();
        let on_host = |(id, run): &(&SubtaskId, &Running)| run.on_host && Some(**id) != ending;
        let busy = state.running.iter().filter(on_host).count();
        let room = limit.saturating_sub(busy + state.reserved);
        state.reserved += room;
        drop(state);
        let runs = Arc::clone(self);
        HostRoom { runs, room }
    }

    /// Whether this very run has its place here.
    pub(crate) fn has(&self, id: SubtaskId, epoch: i64) -> bool {
        self.state().has(id, epoch)
    }

    /// Cancels this very run, if it has its place here.
    pub(crate) fn cancel(&self, id: SubtaskId, epoch: i64) {
        let state = self.state();
        let run = state.running.get(&id).filter(|run| run.epoch == epoch);
        if let Some(run) = run {
            run.cancel.cancel();
        }
    }

    /// Interrupts what runs now.
    pub(crate) fn interrupt(&self) {
        for run in self.state().running.values() {
            run.interrupt.cancel();
        }
    }

    /// Interrupts what runs now, and whatever is entered after.
    pub(crate) fn interrupt_for_good(&self) {
        self.interrupt.cancel();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has(&self, id: SubtaskId, epoch: i64) -> bool {
        self.running.get(&id).is_some_and(|run| run.epoch == epoch)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.runs.state();
        // A later run of the same subtask may have the place by now.
        if state.has(self.id, self.epoch) {
            state.running.remove(&self.id);
        }
    }
}

impl Drop for HostRoom {
    fn drop(&mut self) {
        self.runs.state().reserved -= self.room;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::subtask;

    const ID: SubtaskId = SubtaskId(1);

    fn run(id: SubtaskId, epoch: i64) -> Subtask {
        Subtask {
            epoch,
            ..subtask(id, Some("here"))
        }
    }

    #[test]
    fn a_place_that_is_given_up_late_leaves_a_later_run_of_the_subtask_alone() {
        let runs = Arc::new(Runs::default());
        let earlier = runs.enter(&run(ID, 3));
        let later = runs.enter(&run(ID, 5));
        drop(earlier);
        assert!(runs.has(ID, 5) && !runs.has(ID, 3));
        drop(later);
        assert_eq!(runs.count(), 0);
    }

    #[test]
    fn what_is_entered_after_an_interruption_for_good_is_interrupted_too() {
        let runs = Arc::new(Runs::default());
        let before = runs.enter(&run(ID, 3));
        runs.interrupt_for_good();
        let after = runs.enter(&run(SubtaskId(2), 4));
        assert!(before.interrupt.is_cancelled() && after.interrupt.is_cancelled());
        assert!(!before.cancel.is_cancelled());
    }

    #[test]
    fn only_the_run_that_is_named_is_canceled() {
        let runs = Arc::new(Runs::default());
        let place = runs.enter(&run(ID, 5));
        runs.cancel(ID, 4);
        runs.cancel(SubtaskId(2), 5);
        assert!(!place.cancel.is_cancelled());
        runs.cancel(ID, 5);
        assert!(place.cancel.is_cancelled() && !place.interrupt.is_cancelled());
    }

    #[test]
    fn claims_side_by_side_never_fill_the_same_room_on_the_host() {
        let runs = Arc::new(Runs::default());
        let ending = runs.enter(&run(ID, 3));
        let elsewhere = runs.enter(&subtask(SubtaskId(9), None));
        let first = runs.reserve(4, None);
        assert_eq!(first.room, 3);
        let beside = runs.reserve(4, Some(ID));
        assert_eq!(beside.room, 1, "the place of the run that ends");
        assert_eq!(runs.reserve(4, None).room, 0);
        drop((first, beside));
        assert_eq!(runs.reserve(4, None).room, 3);
        drop((ending, elsewhere));
        assert_eq!(runs.reserve(4, None).room, 4);
    }
}
