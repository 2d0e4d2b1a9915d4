//! Tasks: durable operations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::{ClusterId, ServerId, SubtaskId, TaskId, UserId, ZoneId},
    revision::{Changed, Revision},
    status::{Operation, StopMode, SubtaskStatus, TaskKind, TaskStatus},
    subtask::{Subtask, SubtaskState},
    time::Micros,
};

/// A task without its subtasks and its context: what every commit reads, so it does not grow with the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The task.
    pub id: TaskId,
    /// What it does.
    pub kind: TaskKind,
    /// The cluster, as it was named when the task was accepted.
    pub cluster: TaskCluster,
    /// The zone that an operation on one zone or one server works on or in.
    pub zone: Option<ZoneId>,
    /// The server that an operation on one server works on.
    pub server: Option<ServerId>,
    /// Who asked for it.
    pub creator: Creator,
    /// How it works.
    pub options: Options,
    /// The cluster's generation under this task; the first half of its runs' fences.
    pub generation: i64,
    /// Host of the server that accepted it.
    pub executor: String,
    /// W3C trace context of the request that began it.
    pub traceparent: Option<String>,
    /// When it was accepted.
    pub create_time: Micros,
    /// How it stands.
    pub state: TaskState,
    /// Number of its last change.
    pub revision: i64,
    /// Time of its last change.
    pub last_time: Micros,
    /// How its subtasks stand. Spares a commit the reading of all of them.
    pub tally: Tally,
}

/// The cluster that a task works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskCluster {
    /// The cluster.
    pub id: ClusterId,
    /// Its name when the task was accepted.
    pub name: String,
    /// The id that OceanBase itself knows.
    pub ob_cluster_id: i64,
}

/// The user who asked for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// The user.
    pub id: UserId,
    /// The user's name.
    pub name: String,
}

/// What an operation works on, in OCP's form: values are always strings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Single values.
    pub strings: BTreeMap<String, String>,
    /// Lists.
    pub lists: BTreeMap<String, Vec<String>>,
}

/// How an operation works. Stored as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// How hard servers are stopped.
    pub mode: StopMode,
    /// Whether a minor freeze comes before a stop.
    pub minor_freeze: bool,
    /// How many subtasks may run at a time; none: as many as hosts and executors let.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
}

/// All of a task that a watcher sees change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// How it stands.
    pub status: TaskStatus,
    /// What it is doing or did last.
    pub operation: Operation,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Micros>,
    /// When it became FAILED or SUCCESSFUL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_time: Option<Micros>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl TaskState {
    /// How every task begins; it is accepted at once.
    pub(crate) fn initial() -> Self {
        Self {
            status: TaskStatus::Running,
            operation: Operation::Execute,
            start_time: None,
            finish_time: None,
            error: None,
        }
    }
}

/// How many of a task's subtasks stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub total: u32,
    /// Those that are SUCCESSFUL.
    pub successful: u32,
    /// Those that are FAILED.
    pub failed: u32,
    /// Those that are READY, RUNNING or CANCELING.
    pub active: u32,
    /// Those of the active that are RUNNING or CANCELING.
    pub running: u32,
}

impl Tally {
    /// Counts one subtask that left `from` for `to`.
    pub(crate) fn moved(&mut self, from: SubtaskStatus, to: SubtaskStatus) {
        self.count(from, u32::saturating_sub);
        self.count(to, u32::saturating_add);
    }

    fn count(&mut self, status: SubtaskStatus, change: fn(u32, u32) -> u32) {
        use SubtaskStatus::{Canceling, Failed, Pending, Ready, Running, Successful};
        let add = |count: &mut u32| *count = change(*count, 1);
        match status {
            Pending => {}
            Ready => add(&mut self.active),
            Running | Canceling => {
                add(&mut self.active);
                add(&mut self.running);
            }
            Failed => add(&mut self.failed),
            Successful => add(&mut self.successful),
        }
    }

    /// Whether no subtask has left PENDING, or all are PENDING again.
    pub(crate) fn all_pending(self) -> bool {
        self.successful + self.failed + self.active == 0
    }
}

/// Shows a task and its subtasks as a watcher saw them when the task was accepted: what a repeated request
/// under one idempotency key is answered, whatever has happened since. Only for showing: the engine's own
/// bookkeeping (epochs, open upstreams) stays as it is.
pub fn as_accepted(mut task: Task, mut subtasks: Vec<Subtask>) -> (Task, Vec<Subtask>) {
    for subtask in &mut subtasks {
        subtask.state = SubtaskState::initial();
    }
    accept(&mut task, &mut subtasks);
    (task, subtasks)
}

/// Brings a task that was just planned into being: RUNNING, its root READY. Returns revisions 1 and 2.
///
/// Nothing is folded here: the answer to the caller shows the root READY and everything else PENDING.
pub(crate) fn accept(task: &mut Task, subtasks: &mut [Subtask]) -> Vec<Revision> {
    let time = task.create_time;
    task.state = TaskState {
        start_time: Some(time),
        ..TaskState::initial()
    };
    let total = u32::try_from(subtasks.len()).unwrap_or(u32::MAX);
    task.tally = Tally {
        total,
        ..Tally::default()
    };
    let mut revisions = vec![Revision {
        number: 1,
        time,
        what: Changed::Task(task.state.clone()),
    }];
    for root in subtasks
        .iter_mut()
        .filter(|subtask| subtask.upstreams.is_empty())
    {
        root.state.status = SubtaskStatus::Ready;
        task.tally
            .moved(SubtaskStatus::Pending, SubtaskStatus::Ready);
        let number = revisions.len() as i64 + 1;
        let what = Changed::Subtask(root.id, root.state.clone());
        revisions.push(Revision { number, time, what });
    }
    task.revision = revisions.len() as i64;
    task.last_time = time;
    revisions
}

/// The ids of a graph's subtasks, by position: a contiguous range.
pub(crate) fn id_at(first: SubtaskId, index: usize) -> SubtaskId {
    SubtaskId(first.0 + index as i64)
}
