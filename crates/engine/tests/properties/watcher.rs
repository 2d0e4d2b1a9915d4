//! One who sees nothing but revisions, and checks that each of them may follow the one before.

use std::collections::BTreeMap;

use slacktide_engine::{
    id::SubtaskId,
    plan::Accepted,
    revision::{Changed, Revision, fold},
    status::{Operation, SubtaskStatus, TaskStatus},
    subtask::{Subtask, SubtaskState},
    task::{Task, TaskState},
    time::Micros,
};

/// A task and its subtasks, folded from revision 1 on.
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
            Changed::Task(state) => self.check_task(state, revision.time),
            Changed::Subtask(id, state) => self.check_change(*id, state, revision.time),
        }
        if revision.number > 1 {
            assert_eq!(
                self.task.state.status,
                TaskStatus::Running,
                "something follows the end: {revision:?}"
            );
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

    fn check_task(&self, to: &TaskState, time: Micros) {
        let from = &self.task.state;
        assert_eq!(to.start_time, from.start_time);
        if from.error.is_some() {
            assert_eq!(to.error, from.error, "the first failure is forgotten");
        }
        let is = |status| move |subtask: &Subtask| subtask.state.status == status;
        match to.status {
            TaskStatus::Running => assert_eq!(to.finish_time, None),
            TaskStatus::Successful => {
                assert_eq!((to.finish_time, &to.error), (Some(time), &None));
                assert!(self.subtasks.iter().all(is(SubtaskStatus::Successful)));
            }
            TaskStatus::Failed => {
                assert_eq!(to.finish_time, Some(time));
                assert!(self.subtasks.iter().any(is(SubtaskStatus::Failed)));
                assert!(!self.subtasks.iter().any(|s| s.state.status.is_active()));
            }
        }
    }

    fn check_change(&self, id: SubtaskId, to: &SubtaskState, time: Micros) {
        use SubtaskStatus::{Failed, Pending, Ready, Running, Successful};
        let subtask = self.subtasks.iter().find(|s| s.id == id).unwrap();
        let from = &subtask.state;
        assert_eq!(to.run_time, 1, "only a retry raises the number of runs");
        if from.start_time.is_some() {
            assert_eq!(to.start_time, from.start_time, "started twice");
        }
        match (from.status, to.status) {
            (Pending, Ready) => {
                self.check_upstreams(subtask, time);
                let failed = |s: &Subtask| s.state.status == Failed;
                assert!(
                    !self.subtasks.iter().any(failed),
                    "promoted after a failure"
                );
            }
            (Ready | Running, Running) => {
                self.check_upstreams(subtask, time);
                assert!(to.start_time.is_some_and(|start| start <= time));
                assert_eq!((to.finish_time, &to.error), (None, &None));
                assert_eq!(to.operation, Operation::Execute);
            }
            (Running, Ready) => assert_eq!(to.finish_time, None),
            (Running, Successful) => {
                assert_eq!((to.finish_time, &to.error), (Some(time), &None));
            }
            (Running, Failed) => {
                assert_eq!(to.finish_time, Some(time));
                assert!(to.error.is_some());
            }
            other => panic!("subtask {id} went {other:?}"),
        }
    }

    fn check_upstreams(&self, subtask: &Subtask, time: Micros) {
        for upstream in self
            .subtasks
            .iter()
            .filter(|s| subtask.upstreams.contains(s.id))
        {
            assert_eq!(
                upstream.state.status,
                SubtaskStatus::Successful,
                "subtask {} went on before its upstream {}",
                subtask.id,
                upstream.id
            );
            assert!(upstream.state.finish_time.is_some_and(|end| end <= time));
        }
    }
}
