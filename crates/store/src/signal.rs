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
    tasks: Arc<Mutex<HashMap<TaskId, watch::Sender<i64>>>>,
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
        tasks
            .entry(task)
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe()
    }

    pub(crate) fn send(&self, wake: Wake) {
        match wake {
            Wake::Work => self.work.notify_one(),
            Wake::Task(task, revision) => {
                let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(sender) = tasks.get(&task) else {
                    return;
                };
                if sender.receiver_count() == 0 {
                    tasks.remove(&task);
                } else {
                    sender.send_replace(revision);
                }
            }
        }
    }
}
