//! One who sees nothing but revisions, and checks that each of them may follow the one before.

use std::collections::BTreeMap;

use slacktide_engine::{
    id::SubtaskId,
    plan::Accepted,
    revision::{Changed, Revision, fold},
    status::{
        Operation,
        SubtaskStatus::{self, Canceling, Failed, Pending, Ready, Running, Successful},
        TaskStatus,
    },
    subtask::{Subtask, SubtaskState},
    task::{Task, TaskState},
    time::Micros,
};

/// A task and its subtasks, folded from revision 1 on.
#[derive(Clone)]
pub(crate) struct Watcher {
    task: Task,
    subtasks: Vec<Subtask>,
    last_time: Micros,
}

impl Watcher {
    /// Starts from the rows as they were planned, before any revision.
    pub(crate) fn new(accepted: &Accepted) -> Self {
        let mut task = accepted.task.clone();
        task.revision = 0;
        let mut subtasks = accepted.subtasks.clone();
        for subtask in &mut subtasks {
            subtask.state = SubtaskState::initial();
        }
        Self {
            task,
            subtasks,
            last_time: accepted.task.create_time,
        }
    }

    /// Checks a revision against all that was seen before, and folds it.
    pub(crate) fn see(&mut self, revision: &Revision) {
        assert_eq!(revision.number, self.task.revision + 1, "a gap");
        assert!(revision.time >= self.last_time, "time runs backwards");
        match &revision.what {
            Changed::Task(state) => self.check_task(state, revision),
            Changed::Subtask(id, state) => {
                assert_eq!(
                    self.task.state.status,
                    TaskStatus::Running,
                    "something follows the end: {revision:?}"
                );
                self.check_change(*id, state, revision.time);
            }
        }
        assert!(fold(&mut self.task, &mut self.subtasks, revision));
        self.last_time = revision.time;
    }

    /// Checks that the rows say what the revisions said.
    pub(crate) fn compare(&self, task: &Task, rows: &BTreeMap<SubtaskId, Subtask>) {
        assert_eq!(
            (self.task.revision, self.last_time, &self.task.state),
            (task.revision, task.last_time, &task.state)
        );
        for seen in &self.subtasks {
            assert_eq!(seen.state, rows[&seen.id].state, "subtask {}", seen.id);
        }
    }

    fn is_rollback(&self) -> bool {
        self.task.state.operation == Operation::Rollback
    }

    fn stand(&self, status: SubtaskStatus) -> usize {
        let such = self.subtasks.iter().filter(|s| s.state.status == status);
        such.count()
    }

    fn check_task(&self, to: &TaskState, revision: &Revision) {
        let from = &self.task.state;
        assert_eq!(to.start_time, from.start_time);
        // An operator has it go on: the only way out of FAILED, and the only way to forget a failure.
        let goes_on = to.status == TaskStatus::Running
            && to.error.is_none()
            && matches!(
                to.operation,
                Operation::Retry | Operation::Skip | Operation::Rollback
            );
        assert!(
            revision.number == 1 || from.status == TaskStatus::Running || {
                from.status == TaskStatus::Failed && goes_on
            },
            "something follows the end: {revision:?}"
        );
        if from.error.is_some() && !goes_on {
            assert_eq!(to.error, from.error, "the first failure is forgotten");
        }
        assert!(
            !self.is_rollback() || to.operation == Operation::Rollback,
            "what is undone is never done again"
        );
        match to.status {
            TaskStatus::Running => assert_eq!(to.finish_time, None),
            TaskStatus::Successful => {
                assert_eq!((to.finish_time, &to.error), (Some(revision.time), &None));
                let end = if self.is_rollback() {
                    Pending
                } else {
                    Successful
                };
                assert_eq!(self.stand(end), self.subtasks.len());
            }
            TaskStatus::Failed => {
                assert_eq!(to.finish_time, Some(revision.time));
                assert!(to.error.is_some() && self.stand(Failed) > 0);
                assert!(!self.subtasks.iter().any(|s| s.state.status.is_active()));
            }
        }
        if to.status != TaskStatus::Running {
            assert_eq!(to.operation, from.operation);
        }
    }

    fn check_change(&self, id: SubtaskId, to: &SubtaskState, time: Micros) {
        use Operation::{Cancel, Execute, Retry, Rollback, Skip};
        let subtask = self.subtasks.iter().find(|s| s.id == id).unwrap();
        let from = &subtask.state;
        if from.start_time.is_some() {
            assert_eq!(to.start_time, from.start_time, "started twice");
        }
        let same = to.operation == from.operation;
        let mut again = false;
        match (from.status, to.status) {
            (Pending, Ready) => {
                assert!(same && to.operation == Execute && !self.is_rollback());
                self.check_order(subtask, time);
                assert_eq!(self.stand(Failed), 0, "promoted after a failure");
            }
            (Failed, Ready) => match to.operation {
                Retry => {
                    assert!(!self.is_rollback());
                    again = true;
                }
                Skip => {}
                _ => self.check_rolled_back(subtask, to),
            },
            (Successful, Ready) => self.check_rolled_back(subtask, to),
            (Successful, Successful) | (Failed, Failed) => {
                assert!(self.is_rollback() && to.operation == Rollback && !same);
                let marked = SubtaskState {
                    operation: Rollback,
                    ..from.clone()
                };
                assert_eq!(*to, marked);
            }
            (Ready | Running, Running) | (Canceling, Canceling) => {
                self.check_order(subtask, time);
                assert!(to.start_time.is_some_and(|start| start <= time));
                assert_eq!((to.finish_time, &to.error, to.code), (None, &None, None));
                assert!(same);
                let undoes = matches!(to.operation, Rollback | Skip | Cancel);
                assert!(undoes || !self.is_rollback());
            }
            (Running, Ready) if to.error.is_some() => {
                assert_eq!(to.finish_time, Some(time));
                // A first run becomes another one; what was to be passed over or undone still is.
                let expected = if from.operation == Execute {
                    Retry
                } else {
                    from.operation
                };
                assert_eq!(to.operation, expected);
                again = true;
            }
            (Running, Ready) => assert!(same && to.finish_time.is_none()),
            (Running, Canceling) => assert_eq!(to.operation, Cancel),
            (Running, Successful) => {
                assert!(same && !self.is_rollback());
                assert_eq!((to.finish_time, &to.error), (Some(time), &None));
            }
            (Running, Pending) => {
                assert!(self.is_rollback() && same && matches!(to.operation, Rollback | Skip));
                assert_eq!((to.finish_time, &to.error), (Some(time), &None));
            }
            (Running | Ready | Canceling, Failed) => {
                assert_eq!(to.finish_time, Some(time));
                assert!(to.error.as_ref().is_some_and(|error| !error.is_empty()));
                assert!(same || to.operation == Cancel);
                assert!(from.status != Canceling || to.operation == Cancel);
            }
            other => panic!("subtask {id} went {other:?}"),
        }
        assert_eq!(to.run_time, from.run_time + i32::from(again));
    }

    fn check_rolled_back(&self, subtask: &Subtask, to: &SubtaskState) {
        assert_eq!(to.operation, Operation::Rollback);
        assert!(self.is_rollback());
        self.check_order(subtask, self.last_time);
    }

    /// Forward, a subtask goes on after all its upstreams; backwards, after all its downstreams.
    fn check_order(&self, subtask: &Subtask, time: Micros) {
        let (before, done) = match self.is_rollback() {
            true => (&subtask.downstreams, Pending),
            false => (&subtask.upstreams, Successful),
        };
        for other in self.subtasks.iter().filter(|s| before.contains(s.id)) {
            assert_eq!(
                other.state.status, done,
                "subtask {} went on before {}",
                subtask.id, other.id
            );
            if done == Successful {
                assert!(other.state.finish_time.is_some_and(|end| end <= time));
            }
        }
    }
}
