//! A task as it stands after every change that was seen: a snapshot, and the changes folded onto it.

use std::collections::HashMap;

use slacktide_api::v1::{
    Subtask, SubtaskState, SubtaskStatus, Task, TaskChange, TaskProgress, TaskState, task_change,
};

/// A task at its last seen revision.
#[derive(Clone, Debug)]
pub(super) struct Model {
    task: Task,
    position: HashMap<i64, usize>,
}

/// Why a change can't be folded: the stream is not what the server promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FoldError {
    #[error("the server sent revision {sent} of the task after revision {seen}")]
    Gap { seen: i64, sent: i64 },
    #[error("revision {revision} changes subtask {subtask}, which the task does not have")]
    Stranger { revision: i64, subtask: i64 },
}

impl Model {
    /// Starts from a whole task. Its subtasks are put in the order in which the graph's template made them.
    pub(super) fn new(mut task: Task) -> Self {
        task.subtasks
            .sort_by_key(|subtask| (subtask.series_id, subtask.parallel_idx, subtask.id));
        let ids = task.subtasks.iter().map(|subtask| subtask.id);
        let position = ids.zip(0..).collect();
        task.progress = Some(count(&task.subtasks));
        Self { task, position }
    }

    /// The same rows under an earlier revision, to fold onto them what came after it. A change carries all
    /// that can change of a row, so the rows are right again once it has caught up.
    pub(super) fn rewound(task: Task, revision: i64) -> Self {
        Self::new(Task { revision, ..task })
    }

    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    pub(super) fn subtask(&self, id: i64) -> Option<&Subtask> {
        self.task.subtasks.get(*self.position.get(&id)?)
    }

    /// Folds the next change. A kind of change that this version does not know counts, and changes nothing.
    ///
    /// # Errors
    /// [`FoldError`]; the model is then as it was.
    pub(super) fn fold(&mut self, change: &TaskChange) -> Result<(), FoldError> {
        let (seen, sent) = (self.task.revision, change.revision);
        if sent != seen + 1 {
            return Err(FoldError::Gap { seen, sent });
        }
        match &change.change {
            Some(task_change::Change::Task(state)) => fold_task(&mut self.task, state),
            Some(task_change::Change::Subtask(state)) => self.fold_subtask(sent, state)?,
            None => {}
        }
        self.task.revision = sent;
        Ok(())
    }

    fn fold_subtask(&mut self, revision: i64, state: &SubtaskState) -> Result<(), FoldError> {
        let stranger = FoldError::Stranger {
            revision,
            subtask: state.id,
        };
        let position = self.position.get(&state.id);
        let subtask = position
            .and_then(|&position| self.task.subtasks.get_mut(position))
            .ok_or(stranger)?;
        let progress = self.task.progress.get_or_insert_default();
        tally(progress, subtask.status(), -1);
        tally(progress, state.status(), 1);
        let SubtaskState {
            id: _,
            status,
            operation,
            executor,
            run_time,
            start_time,
            finish_time,
            error,
            error_code,
        } = state.clone();
        subtask.status = status;
        subtask.operation = operation;
        subtask.executor = executor;
        subtask.run_time = run_time;
        subtask.start_time = start_time;
        subtask.finish_time = finish_time;
        subtask.error = error;
        subtask.error_code = error_code;
        // A change does not tell this, and what was told of the state before is over.
        subtask.not_before = None;
        Ok(())
    }
}

fn fold_task(task: &mut Task, state: &TaskState) {
    let TaskState {
        status,
        operation,
        start_time,
        finish_time,
        error,
    } = state.clone();
    task.status = status;
    task.operation = operation;
    task.start_time = start_time;
    task.finish_time = finish_time;
    task.error = error;
}

fn count(subtasks: &[Subtask]) -> TaskProgress {
    let mut progress = TaskProgress {
        total: i32::try_from(subtasks.len()).unwrap_or(i32::MAX),
        ..TaskProgress::default()
    };
    for subtask in subtasks {
        tally(&mut progress, subtask.status(), 1);
    }
    progress
}

fn tally(progress: &mut TaskProgress, status: SubtaskStatus, by: i32) {
    match status {
        SubtaskStatus::Successful => progress.successful += by,
        SubtaskStatus::Failed => progress.failed += by,
        SubtaskStatus::Ready | SubtaskStatus::Running | SubtaskStatus::Canceling => {
            progress.active += by;
        }
        SubtaskStatus::Pending | SubtaskStatus::Unspecified => {}
    }
}

#[cfg(test)]
mod tests {
    use slacktide_api::v1::{Operation, TaskStatus};

    use super::{super::samples, *};

    #[test]
    fn changes_in_order_give_the_rows_and_the_counts() {
        let mut model = Model::new(samples::task());
        assert_eq!(model.task().progress.unwrap().active, 1);
        let changes = [
            samples::subtask_change(2, 11, SubtaskStatus::Successful),
            samples::subtask_change(3, 10, SubtaskStatus::Running),
            samples::task_change(4, TaskStatus::Failed),
        ];
        for change in &changes {
            model.fold(change).unwrap();
        }
        let task = model.task();
        assert_eq!(task.revision, 4);
        assert_eq!(task.status(), TaskStatus::Failed);
        let expected = TaskProgress {
            total: 3,
            successful: 1,
            failed: 0,
            active: 1,
        };
        assert_eq!(task.progress, Some(expected));
        assert_eq!(model.subtask(10).unwrap().status(), SubtaskStatus::Running);
        assert_eq!(model.subtask(12).unwrap().status(), SubtaskStatus::Pending);
    }

    #[test]
    fn a_state_replaces_all_that_can_change() {
        let mut model = Model::new(samples::task());
        let state = SubtaskState {
            id: 10,
            status: SubtaskStatus::Failed.into(),
            operation: Operation::Cancel.into(),
            executor: "db1".to_owned(),
            run_time: 3,
            start_time: Some("2026-11-23T08:00:01Z".parse().unwrap()),
            finish_time: Some("2026-11-23T08:00:02Z".parse().unwrap()),
            error: "port 2881 is still in use".to_owned(),
            error_code: 4179,
        };
        let change = TaskChange {
            revision: 2,
            time: state.finish_time,
            change: Some(task_change::Change::Subtask(state.clone())),
        };
        model.fold(&change).unwrap();
        let subtask = model.subtask(10).unwrap();
        assert_eq!(subtask.operation(), Operation::Cancel);
        assert_eq!((subtask.executor.as_str(), subtask.run_time), ("db1", 3));
        assert_eq!(
            (subtask.start_time, subtask.finish_time),
            (state.start_time, state.finish_time)
        );
        assert_eq!(subtask.error, state.error);
        assert_eq!(subtask.error_code, state.error_code);
    }

    #[test]
    fn a_gap_a_repetition_and_a_stranger_change_nothing() {
        let mut model = Model::new(samples::task());
        let before = model.task().clone();
        for sent in [1, 3] {
            let change = samples::subtask_change(sent, 10, SubtaskStatus::Running);
            assert_eq!(model.fold(&change), Err(FoldError::Gap { seen: 1, sent }));
        }
        let change = samples::subtask_change(2, 99, SubtaskStatus::Running);
        let stranger = FoldError::Stranger {
            revision: 2,
            subtask: 99,
        };
        assert_eq!(model.fold(&change), Err(stranger));
        assert_eq!(*model.task(), before);
    }

    #[test]
    fn subtasks_stand_in_the_templates_order() {
        let model = Model::new(samples::task());
        let ids: Vec<_> = model
            .task()
            .subtasks
            .iter()
            .map(|subtask| subtask.id)
            .collect();
        assert_eq!(ids, [11, 10, 12]);
    }

    #[test]
    fn rows_that_were_ahead_are_right_again_after_the_replay() {
        let mut ahead = Model::new(samples::task());
        let changes = [
            samples::subtask_change(2, 11, SubtaskStatus::Running),
            samples::subtask_change(3, 11, SubtaskStatus::Successful),
        ];
        for change in &changes {
            ahead.fold(change).unwrap();
        }
        let mut replayed = Model::rewound(ahead.task().clone(), 1);
        for change in &changes {
            replayed.fold(change).unwrap();
        }
        assert_eq!(replayed.task(), ahead.task());
    }
}
