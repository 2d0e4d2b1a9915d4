//! Computes what one commit changes: rows and an event in, changed rows and revisions out.
//!
//! A commit reads only what it touches, never the whole graph: [`advance`] says what else it needs, the
//! store loads that into the [`Frame`] and asks again. Subtasks without an outside effect are folded: they
//! run inside the commit that makes them READY, each of their states recorded as a revision. The commit of
//! one subtask claims its successors for the same executor, as far as that has room.
//!
//! `draft` is the commit in the making: claims, runs, what becomes READY. `end` says what the end of a run means,
//! `effect` what it means for a server, `fold` what subtasks inside the commit do, `command` what operators ask.

mod command;
mod draft;
mod effect;
mod end;
mod fold;

use std::collections::BTreeMap;

use crate::{
    id::{ClusterId, ServerId, SubtaskId, TaskId, ZoneId},
    revision::Revision,
    selector::Selector,
    status::{Operation, ResourceStatus, SubtaskStatus, TaskStatus},
    subtask::Subtask,
    task::Task,
    time::Micros,
    transition::Illegal,
};

/// The rows that a commit has loaded so far, all read in its own transaction.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The task.
    pub task: Task,
    /// Some of its subtasks.
    pub subtasks: BTreeMap<SubtaskId, Subtask>,
    /// All servers of the cluster, once they were asked for.
    pub servers: Option<Vec<ServerRow>>,
    /// The scan whose subtasks are all among those above, once one was asked for.
    pub scanned: Option<Scan>,
}

/// What a roll-up needs to know of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerRow {
    /// The server.
    pub id: ServerId,
    /// Its zone.
    pub zone: ZoneId,
    /// Its status.
    pub status: ResourceStatus,
}

/// The executor on whose behalf a commit is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Its id, new at each start of the process.
    pub executor: String,
    /// The host that it runs on.
    pub host: String,
    /// Its labels.
    pub labels: Selector,
    /// How many more runs it has room for; 0 while it drains.
    pub room: usize,
    /// How many of these may work on its own host.
    pub host_room: usize,
}

impl Claimant {
    /// Nobody: for what operators ask. What becomes READY is left for executors.
    pub fn none() -> Self {
        Self {
            executor: String::new(),
            host: String::new(),
            labels: Selector::default(),
            room: 0,
            host_room: 0,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An executor wants READY subtasks. Those that are no longer to be had are passed over.
    Claim {
        /// The subtasks.
        subtasks: Vec<SubtaskId>,
    },
    /// An executor takes RUNNING subtasks over from one that is gone, each at the epoch at which it was
    /// seen there. Those that have moved on are passed over.
    TakeOver {
        /// The subtasks with the epochs of their lost runs.
        runs: Vec<(SubtaskId, i64)>,
    },
    /// A run ended.
    Finish {
        /// The subtask.
        subtask: SubtaskId,
        /// The run.
        epoch: i64,
        /// How it ended.
        outcome: Outcome,
    },
    /// A run is given back undone.
    HandBack {
        /// The subtask.
        subtask: SubtaskId,
        /// The run.
        epoch: i64,
    },
    /// A run is long past its deadline: whoever noticed has raised its host's fence, looked, and ends it.
    Expire {
        /// The subtask.
        subtask: SubtaskId,
        /// The run.
        epoch: i64,
        /// What was seen of its server.
        observed: Option<Observation>,
    },
    /// No executor is alive that could run these READY subtasks. Those that have moved on are passed over.
    Strand {
        /// The subtasks.
        subtasks: Vec<SubtaskId>,
        /// Why, for the operator.
        reason: String,
    },
    /// The executors of these runs are gone, and none is alive that could take them over. Those that have moved on
    /// are passed over.
    Abandon {
        /// The subtasks with the epochs of their lost runs.
        runs: Vec<(SubtaskId, i64)>,
        /// Why, for the operator: what the runs have done is unknown.
        reason: String,
    },
    /// An operator has all FAILED subtasks run again.
    RetryTask,
    /// An operator has a FAILED subtask run again.
    RetrySubtask(SubtaskId),
    /// An operator has the task undone.
    RollbackTask,
    /// An operator passes over a FAILED subtask.
    SkipSubtask(SubtaskId),
    /// An operator asks a RUNNING subtask to end.
    CancelSubtask(SubtaskId),
    /// An operator has no more subtasks started and asks the running ones to end.
    CancelTask,
}

/// How a run ended, and what it saw of the server that it worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Success, or why not.
    pub result: Result<(), Failure>,
    /// What was observed last, where the subtask looks at a server.
    pub observed: Option<Observation>,
}

impl Outcome {
    /// A success of a subtask that looks at nothing.
    pub fn success() -> Self {
        Self {
            result: Ok(()),
            observed: None,
        }
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For the operator: what failed and what to do.
    pub reason: String,
    /// Whether the run's time was over. The subtask then shows CANCEL.
    pub expired: bool,
    /// Whether the reason may pass by itself: then the subtask runs again by itself, a few times.
    pub transient: bool,
    /// OceanBase's own error number, where the engine refused a statement.
    pub code: Option<i32>,
}

impl Failure {
    /// A failure that only an operator can mend.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            expired: false,
            transient: false,
            code: None,
        }
    }
}

/// What a look at a server's host found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// No process: proven.
    Gone,
    /// A process.
    Alive,
    /// It could not be seen.
    Unknown,
}

/// What [`advance`] has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advance {
    /// Load these rows too, and ask again.
    Need(Need),
    /// Write this.
    Write(Box<Change>),
}

/// Rows that are missing from a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Subtasks of the task.
    pub subtasks: Vec<SubtaskId>,
    /// The servers of the cluster.
    pub servers: bool,
    /// Subtasks that are found by how they stand.
    pub scan: Option<Scan>,
}

/// Which subtasks of a task a commit has to see. Only what operators ask for needs more than it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scan {
    /// READY, RUNNING and CANCELING ones.
    Active,
    /// FAILED ones, and PENDING ones that wait for nothing.
    Stuck,
    /// All.
    All,
}

impl Scan {
    /// Whether it sees this subtask.
    pub fn sees(self, subtask: &Subtask) -> bool {
        match self {
            Self::Active => subtask.state.status.is_active(),
            Self::Stuck => match subtask.state.status {
                SubtaskStatus::Failed => true,
                SubtaskStatus::Pending => subtask.open_upstreams == 0,
                _ => false,
            },
            Self::All => true,
        }
    }
}

/// Everything that one commit writes, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The task's row.
    pub task: Task,
    /// The changed subtasks' rows.
    pub subtasks: Vec<Subtask>,
    /// What watchers see, in order.
    pub revisions: Vec<Revision>,
    /// Changed servers.
    pub servers: Vec<ResourceChange<ServerId>>,
    /// Changed zones.
    pub zones: Vec<ResourceChange<ZoneId>>,
    /// The changed cluster.
    pub cluster: Option<ResourceChange<ClusterId>>,
    /// Whether the task lets go of the cluster.
    pub release: bool,
    /// What the claimant must run now.
    pub claimed: Vec<SubtaskId>,
    /// Logs of folded subtasks.
    pub logs: Vec<FoldedLog>,
}

/// A new status of a server, a zone or a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceChange<Id> {
    /// Which.
    pub id: Id,
    /// The status.
    pub status: ResourceStatus,
    /// Why, where that is not obvious; else empty.
    pub reason: String,
}

/// The log of a subtask that ran inside a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldedLog {
    /// The subtask.
    pub subtask: SubtaskId,
    /// Its run.
    pub epoch: i64,
    /// What it did.
    pub operation: Operation,
    /// When.
    pub time: Micros,
    /// Its only line.
    pub line: String,
}

/// Why an event changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The run that the event speaks of is not the subtask's present one: its result is to be dropped.
    #[error("subtask {subtask} is no longer in run {epoch}")]
    Stale {
        /// The subtask.
        subtask: SubtaskId,
        /// The run that is over.
        epoch: i64,
    },
    /// None of the subtasks is to be had any more.
    #[error("nothing is left to claim")]
    NothingToClaim,
    /// The task's state does not allow what the operator asks: OCP's 4007.
    #[error("task {task} in state {status}/{operation} does not support this: {advice}")]
    TaskState {
        /// The task.
        task: TaskId,
        /// How it stands.
        status: TaskStatus,
        /// What it is doing or did last.
        operation: Operation,
        /// What can be done instead.
        advice: &'static str,
    },
    /// The subtask's state does not allow what the operator asks: OCP's 4007.
    #[error("subtask {subtask} in state {status} does not support this: {advice}")]
    SubtaskState {
        /// The subtask.
        subtask: SubtaskId,
        /// How it stands.
        status: SubtaskStatus,
        /// What can be done instead.
        advice: &'static str,
    },
    /// The table does not have it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The store loaded no such subtask although it was asked to.
    #[error("subtask {0} is not a subtask of the task")]
    UnknownSubtask(SubtaskId),
}

/// Computes what `event` changes, at `now` or at the task's last time, whichever is later: so a subtask never
/// starts before its upstream finished.
///
/// # Errors
/// A [`Refusal`]; then nothing changes.
pub fn advance(
    frame: &Frame,
    event: &Event,
    claimant: &Claimant,
    now: Micros,
) -> Result<Advance, Refusal> {
    draft::Draft::new(frame, claimant, now).advance(event)
}
