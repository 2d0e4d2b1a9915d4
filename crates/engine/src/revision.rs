//! A task's history: numbered changes, from which its rows can be folded.

use serde::{Deserialize, Serialize};

use crate::{
    id::SubtaskId,
    subtask::{Subtask, SubtaskState},
    task::{Task, TaskState},
    time::Micros,
};

/// One change. Numbers are gapless within a task, from 1; times never run backwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The number.
    #[serde(rename = "r")]
    pub number: i64,
    /// When it was committed.
    #[serde(rename = "t")]
    pub time: Micros,
    /// What changed.
    #[serde(flatten)]
    pub what: Changed,
}

/// What a revision changed: all of it that may change, as it is afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Changed {
    /// The task itself.
    #[serde(rename = "task")]
    Task(TaskState),
    /// One of its subtasks.
    #[serde(rename = "sub")]
    Subtask(SubtaskId, SubtaskState),
}

/// Applies a revision to a task and its subtasks, as a watcher does.
///
/// Returns `false`, and changes nothing, if it is not the one that follows or names an unknown subtask.
pub fn fold(task: &mut Task, subtasks: &mut [Subtask], revision: &Revision) -> bool {
    if revision.number != task.revision + 1 {
        return false;
    }
    match &revision.what {
        Changed::Task(state) => task.state = state.clone(),
        Changed::Subtask(id, state) => match subtasks.iter_mut().find(|s| s.id == *id) {
            Some(subtask) => subtask.state = state.clone(),
            None => return false,
        },
    }
    task.revision = revision.number;
    true
}
