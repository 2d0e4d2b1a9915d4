//! Wake-ups within the process. Hints only: they wake a loop that reads the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use slacktide_engine::id::TaskId;
use tokio::sync::{Notify, watch};

/// What a commit may wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Subtasks may be READY: executors.
    Work,
    /// A task has a new revision: its watchers.
    Task(TaskId, i64),
}

/// Where to wait for commits.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    work: Arc<Notify>,
    tasks: Arc<Mutex<Watched>>,
}

/// The tasks that are watched, and some that were.
#[derive(Debug, Default)]
struct Watched {
    senders: HashMap<TaskId, watch::Sender<i64>>,
    /// How many there may be before those that nobody watches any more are let go.
    limit: usize,
}

impl Signals {
    /// Waits until a commit may have made work. One waiter is woken; a wake-up that comes before the wait is
    /// kept for it.
    pub async fn work(&self) {
        self.work.notified().await;
    }

    /// Follows the revisions that commits give a task. Subscribe before reading, so that none is missed.
    pub fn task(&self, task: TaskId) -> watch::Receiver<i64> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.subscribe(task)
    }

    pub(crate) fn send(&self, wake: Wake) {
        match wake {
            Wake::Work => self.work.notify_one(),
            Wake::Task(task, revision) => {
                let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(sender) = tasks.senders.get(&task) else {
                    return;
                };
                if sender.receiver_count() == 0 {
                    tasks.senders.remove(&task);
                } else {
                    sender.send_replace(revision);
                }
            }
        }
    }
}

impl Watched {
    /// The fewest that are worth looking through.
    const FEW: usize = 64;

    fn subscribe(&mut self, task: TaskId) -> watch::Receiver<i64> {
        // An ended task sends no more, so nothing else would ever let go of it. Doubling keeps this cheap.
        if self.senders.len() >= self.limit.max(Self::FEW) {
            self.senders.retain(|_, sender| sender.receiver_count() > 0);
            self.limit = self.senders.len() * 2;
        }
        let sender = self.senders.entry(task);
        sender.or_insert_with(|| watch::Sender::new(0)).subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_that_nobody_watches_are_let_go_and_those_that_somebody_does_are_kept() {
        let signals = Signals::default();
        let kept = signals.task(TaskId(0));
        for task in 1..10_000 {
            drop(signals.task(TaskId(task)));
        }
        let watched = signals.tasks.lock().unwrap().senders.len();
        assert!(watched <= Watched::FEW + 1, "{watched}");
        signals.send(Wake::Task(TaskId(0), 7));
        assert_eq!(*kept.borrow(), 7);
    }
}
