//! What is to be told to the other processes: gathered while a message is on its way, and bounded.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use slacktide_engine::id::TaskId;
use tokio::sync::mpsc;

use super::Wake;

/// Of how many tasks it is kept that they changed. Beyond this, anything may have.
const TASKS: usize = 1024;

/// Wake-ups that were not sent yet: each kind once, each task with its last revision.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) work: bool,
    pub(super) cancel: bool,
    /// Stands for all of the others.
    pub(super) anything: bool,
    pub(super) tasks: HashMap<TaskId, i64>,
}

/// Where commits put their wake-ups.
#[derive(Debug)]
pub(super) struct Outgoing {
    pending: Arc<Mutex<Pending>>,
    bell: mpsc::Sender<()>,
}

/// Where the link takes them.
#[derive(Debug)]
pub(super) struct Outbox {
    pending: Arc<Mutex<Pending>>,
    bell: mpsc::Receiver<()>,
}

pub(super) fn channel() -> (Outgoing, Outbox) {
    // One ring is as good as many.
    let (ring, bell) = mpsc::channel(1);
    let pending = Arc::<Mutex<Pending>>::default();
    let outgoing = Outgoing {
        pending: Arc::clone(&pending),
        bell: ring,
    };
    (outgoing, Outbox { pending, bell })
}

impl Outgoing {
    pub(super) fn send(&self, wake: Wake) {
        lock(&self.pending).add(wake);
        let _ = self.bell.try_send(());
    }
}

impl Outbox {
    /// Waits for wake-ups. `false` once nobody can send any more: what was sent last is still to be taken.
    pub(super) async fn wait(&mut self) -> bool {
        self.bell.recv().await.is_some()
    }

    /// What was taken may not have arrived.
    pub(super) fn lose(&self) {
        lock(&self.pending).add_anything();
    }

    pub(super) fn take(&self) -> Pending {
        mem::take(&mut lock(&self.pending))
    }
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        !(self.work || self.cancel || self.anything) && self.tasks.is_empty()
    }

    fn add(&mut self, wake: Wake) {
        match wake {
            Wake::Work | Wake::Accepted(..) => self.work = true,
            Wake::Cancel => self.cancel = true,
            Wake::Task(..) if self.anything => {}
            Wake::Task(task, revision) => {
                let last = self.tasks.entry(task).or_insert(revision);
                *last = revision.max(*last);
                if self.tasks.len() > TASKS {
                    self.add_anything();
                }
            }
        }
    }

    fn add_anything(&mut self) {
        self.anything = true;
        self.tasks = HashMap::new();
    }
}

fn lock(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_wake_ups_become_few() {
        let (outgoing, mut outbox) = channel();
        for revision in [1, 3, 2] {
            outgoing.send(Wake::Task(TaskId(1), revision));
            outgoing.send(Wake::Work);
        }
        assert!(outbox.wait().await);
        let pending = outbox.take();
        assert_eq!(pending.tasks, [(TaskId(1), 3)].into());
        assert!(pending.work && !pending.cancel && !pending.anything);
        assert!(outbox.take().is_empty());
    }

    #[tokio::test]
    async fn a_link_that_is_down_for_long_keeps_little() {
        let (outgoing, outbox) = channel();
        for task in 0..100_000 {
            outgoing.send(Wake::Task(TaskId(task), 1));
        }
        let pending = outbox.take();
        assert!(pending.anything);
        assert!(pending.tasks.is_empty());
    }

    #[tokio::test]
    async fn the_end_is_noticed_and_the_last_words_are_there() {
        let (outgoing, mut outbox) = channel();
        outgoing.send(Wake::Cancel);
        drop(outgoing);
        assert!(outbox.wait().await);
        assert!(!outbox.wait().await);
        assert!(outbox.take().cancel);
    }
}
