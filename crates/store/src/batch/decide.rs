//! Decides one operation on a task whose rows are in memory.

use std::sync::Arc;

use slacktide_engine::{
    commit::{Advance, Need, advance},
    id::TaskId,
    status::SubtaskStatus,
    task::Task,
    time::Micros,
};

use super::{Batch, CommitOp, IntentOp, Op, Reply, working::Working};
use crate::{commit::Committed, error::StoreError, signal::Wake};

pub(super) enum Decided {
    Reply(Result<Reply, StoreError>),
    /// More rows of the task.
    Needs(Need),
}

impl<'a> Batch<'a> {
    pub(super) fn decide(&mut self, task: TaskId, op: &'a Op) -> Decided {
        let Some(working) = self.tasks.get_mut(&task) else {
            return Decided::Reply(Err(StoreError::not_found("task", task)));
        };
        match op {
            Op::Commit(op) => match commit(working, op, self.now) {
                Ok(Ok(committed)) => {
                    self.wakes.extend(wakes(&committed.task, working));
                    self.keys.extend(op.key.as_ref().map(|key| (key, task.0)));
                    self.logs.extend(&op.log);
                    self.journals.extend(&op.journal);
                    Decided::Reply(Ok(Reply::Committed(Box::new(committed))))
                }
                Ok(Err(need)) => Decided::Needs(need),
                Err(error) => Decided::Reply(Err(error)),
            },
            Op::Intent(op) => Decided::Reply(Ok(Reply::Recorded(record_intent(working, op)))),
            Op::Submit(_) | Op::Log(_) => Decided::Reply(Ok(Reply::Done)),
        }
    }
}

fn commit(
    working: &mut Working,
    op: &CommitOp,
    now: Micros,
) -> Result<Result<Committed, Need>, StoreError> {
    let change = match advance(&working.frame, &op.event, &op.claimant, now)? {
        Advance::Need(need) => return Ok(Err(need)),
        Advance::Write(change) => *change,
    };
    let claimed = change
        .subtasks
        .iter()
        .filter(|subtask| change.claimed.contains(&subtask.id))
        .cloned()
        .collect();
    let task = change.task.clone();
    working.apply(change);
    Ok(Ok(Committed {
        task,
        claimed,
        servers: Arc::default(),
    }))
}

/// A run that is over must do nothing more.
fn record_intent(working: &mut Working, op: &IntentOp) -> bool {
    let Some(subtask) = working.frame.subtasks.get(&op.subtask) else {
        return false;
    };
    let is_present = subtask.state.status == SubtaskStatus::Running && subtask.epoch == op.epoch;
    if is_present {
        working.changed.insert(op.subtask);
        working.intents.insert(op.subtask, op.intent.clone());
    }
    is_present
}

/// Whom a commit wakes: the task's watchers; executors, if it left anything to run or to end.
fn wakes(task: &Task, working: &Working) -> impl Iterator<Item = Wake> + use<> {
    let changed = working.changed.iter();
    let changed = changed.filter_map(|id| working.frame.subtasks.get(id));
    let left = |status| {
        let mut statuses = changed.clone().map(|subtask| subtask.state.status);
        statuses.any(|of_one| of_one == status)
    };
    [
        Some(Wake::Task(task.id, task.revision)),
        left(SubtaskStatus::Ready).then_some(Wake::Work),
        left(SubtaskStatus::Canceling).then_some(Wake::Cancel),
    ]
    .into_iter()
    .flatten()
}
