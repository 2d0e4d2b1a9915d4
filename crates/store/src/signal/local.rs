//! Wake-ups within the process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use slacktide_engine::id::{SubtaskId, TaskId};
use tokio::sync::{Notify, broadcast, watch};

use super::Wake;

/// How many changes of tasks a follower of all tasks may fall behind.
const TASK_NEWS: usize = 1024;

/// How many accepted tasks are named to an executor. Beyond this it looks for itself.
const ACCEPTED: usize = 1024;

/// What an executor is woken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing but these: the first subtasks of tasks that were just accepted, which any executor may run.
    Accepted(Vec<(TaskId, SubtaskId)>),
    /// There may be anything.
    Anything,
}

/// What a follower of all tasks is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskNews {
    /// A task has this revision, or a later one.
    Changed(TaskId, i64),
    /// Any task may have changed.
    Missed,
}

/// The channels. All clones are one.
#[derive(Clone, Debug)]
pub(super) struct Local {
    work: Arc<Notify>,
    /// What the next to be woken for work is told; nothing if nobody has to be.
    next_work: Arc<Mutex<Option<Work>>>,
    pub(super) canceling: Arc<Notify>,
    pub(super) all_tasks: broadcast::Sender<TaskNews>,
    tasks: Arc<Mutex<Watched>>,
}

/// The tasks that are watched, and some that were.
#[derive(Debug, Default)]
struct Watched {
    senders: HashMap<TaskId, watch::Sender<i64>>,
    /// How many there may be before those that nobody watches any more are let go.
    limit: usize,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            work: Arc::default(),
            next_work: Arc::default(),
            canceling: Arc::default(),
            all_tasks: broadcast::Sender::new(TASK_NEWS),
            tasks: Arc::default(),
        }
    }
}

impl Local {
    pub(super) fn task(&self, task: TaskId) -> watch::Receiver<i64> {
        self.watched().subscribe(task)
    }

    pub(super) fn deliver(&self, wake: Wake) {
        match wake {
            Wake::Work => self.wake_for(Work::Anything),
            Wake::Accepted(task, first) => self.wake_for(Work::Accepted(vec![(task, first)])),
            Wake::Cancel => self.canceling.notify_one(),
            Wake::Task(task, revision) => {
                self.watched().tell(task, revision);
                // Nobody may follow all tasks.
                let _ = self.all_tasks.send(TaskNews::Changed(task, revision));
            }
        }
    }

    /// Wakes everybody: there may have been wake-ups that did not arrive.
    pub(super) fn deliver_all(&self) {
        self.wake_for(Work::Anything);
        self.canceling.notify_one();
        let _ = self.all_tasks.send(TaskNews::Missed);
        for sender in self.watched().senders.values() {
            sender.send_modify(|_| {});
        }
    }

    pub(super) async fn work(&self) -> Work {
        loop {
            self.work.notified().await;
            if let Some(work) = self.next_work().take() {
                return work;
            }
        }
    }

    fn wake_for(&self, work: Work) {
        let mut next = self.next_work();
        *next = Some(match (next.take(), work) {
            (None, work) => work,
            (Some(Work::Accepted(mut tasks)), Work::Accepted(more))
                if tasks.len() + more.len() <= ACCEPTED =>
            {
                tasks.extend(more);
                Work::Accepted(tasks)
            }
            (Some(_), _) => Work::Anything,
        });
        drop(next);
        self.work.notify_one();
    }

    fn next_work(&self) -> MutexGuard<'_, Option<Work>> {
        self.next_work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn tell(&mut self, task: TaskId, revision: i64) {
        let Some(sender) = self.senders.get(&task) else {
            return;
        };
        if sender.receiver_count() == 0 {
            self.senders.remove(&task);
        } else {
            sender.send_modify(|last| *last = revision.max(*last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_that_nobody_watches_are_let_go_and_those_that_somebody_does_are_kept() {
        let local = Local::default();
        let kept = local.task(TaskId(0));
        for task in 1..10_000 {
            drop(local.task(TaskId(task)));
        }
        let watched = local.watched().senders.len();
        assert!(watched <= Watched::FEW + 1, "{watched}");
        local.deliver(Wake::Task(TaskId(0), 7));
        assert_eq!(*kept.borrow(), 7);
    }

    #[test]
    fn a_wake_up_that_arrives_late_takes_no_revision_back() {
        let local = Local::default();
        let mut watcher = local.task(TaskId(1));
        local.deliver(Wake::Task(TaskId(1), 7));
        local.deliver(Wake::Task(TaskId(1), 5));
        assert_eq!(*watcher.borrow_and_update(), 7);
    }

    #[tokio::test]
    async fn an_executor_is_told_which_tasks_were_accepted_unless_there_may_be_more() {
        let local = Local::default();
        let accepted = |task| (TaskId(task), SubtaskId(10 * task));
        let accept = |task| local.deliver(Wake::Accepted(TaskId(task), SubtaskId(10 * task)));
        accept(1);
        accept(2);
        let both = vec![accepted(1), accepted(2)];
        assert_eq!(local.work().await, Work::Accepted(both));

        accept(3);
        local.deliver(Wake::Work);
        accept(4);
        assert_eq!(local.work().await, Work::Anything);
        (0..10_000).for_each(accept);
        assert_eq!(local.work().await, Work::Anything);
    }

    #[test]
    fn everybody_is_woken_after_a_gap() {
        let local = Local::default();
        let mut watcher = local.task(TaskId(1));
        let mut follower = local.all_tasks.subscribe();
        local.deliver(Wake::Task(TaskId(1), 7));
        watcher.mark_unchanged();
        assert_eq!(follower.try_recv(), Ok(TaskNews::Changed(TaskId(1), 7)));

        local.deliver_all();
        assert!(watcher.has_changed().unwrap());
        assert_eq!(*watcher.borrow(), 7);
        assert_eq!(follower.try_recv(), Ok(TaskNews::Missed));
    }

    #[test]
    fn a_follower_of_all_tasks_that_lags_learns_that_it_does() {
        let local = Local::default();
        let mut follower = local.all_tasks.subscribe();
        for revision in 0..10_000 {
            local.deliver(Wake::Task(TaskId(1), revision));
        }
        let lagged = follower.try_recv();
        assert!(
            matches!(lagged, Err(broadcast::error::TryRecvError::Lagged(_))),
            "{lagged:?}"
        );
    }
}
