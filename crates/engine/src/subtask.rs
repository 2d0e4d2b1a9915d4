//! Subtasks: the vertices of a task's graph.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    id::{ServerId, SubtaskId, TaskId, ZoneId},
    kind::SubtaskKind,
    neighbours::Neighbours,
    selector::Selector,
    status::{Operation, SubtaskStatus},
    time::Micros,
};

/// A subtask with everything that a commit needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtask {
    /// The subtask.
    pub id: SubtaskId,
    /// Its task.
    pub task: TaskId,
    /// What it does.
    pub kind: SubtaskKind,
    /// Position in which the template made it, from 0.
    pub series_id: i32,
    /// Position in a fan-out; -1 for a single step or a barrier.
    pub parallel_idx: i32,
    /// The zone that it works on.
    pub zone: Option<ZoneId>,
    /// The server that it works on.
    pub server: Option<ServerId>,
    /// Only executors on this host may run it; any may where there is none.
    pub host: Option<String>,
    /// Only executors with these labels may run it.
    pub selector: Selector,
    /// Whether it has no effect outside the database: then it runs inside the commit that makes it READY.
    pub foldable: bool,
    /// How long one run may take.
    pub timeout: Duration,
    /// What must succeed before.
    pub upstreams: Neighbours,
    /// What waits for it.
    pub downstreams: Neighbours,
    /// When the task was accepted.
    pub create_time: Micros,
    /// How it stands.
    pub state: SubtaskState,
    /// How many upstreams have not succeeded yet; while the task is rolled back, how many downstreams are not
    /// PENDING yet. Spares a commit the reading of all of them.
    pub open_upstreams: u32,
    /// Fencing number of the present run: the revision of the change that claimed it. 0 before the first.
    pub epoch: i64,
    /// The executor of the present run, by its id of this process start.
    pub owner: Option<String>,
    /// When the present run's time is over.
    pub deadline: Option<Micros>,
    /// When a READY subtask may be claimed at the earliest: it waits after a failure that may pass.
    pub not_before: Option<Micros>,
    /// How often it was retried by itself since an operator's last word.
    pub auto_retries: u32,
    /// Number of the row's last write.
    pub version: i64,
}

/// All of a subtask that a watcher sees change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtaskState {
    /// Where it stands in the table.
    #[serde(rename = "s")]
    pub status: SubtaskStatus,
    /// What it is doing or did last.
    #[serde(rename = "o")]
    pub operation: Operation,
    /// How many runs there were, the present one included; 1 before the first.
    #[serde(rename = "n")]
    pub run_time: i32,
    /// Host of the executor that ran it last.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// When the first run began.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Micros>,
    /// When the last run ended.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub finish_time: Option<Micros>,
    /// Why it failed.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// OceanBase's own error number, where the engine refused a statement.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
}

impl SubtaskState {
    /// How every subtask begins.
    pub fn initial() -> Self {
        Self {
            status: SubtaskStatus::Pending,
            operation: Operation::Execute,
            run_time: 1,
            executor: None,
            start_time: None,
            finish_time: None,
            error: None,
            code: None,
        }
    }
}
