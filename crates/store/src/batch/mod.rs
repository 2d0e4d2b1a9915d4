//! The operations of the hot path, many in one transaction: the rows of all are read together, each is decided
//! in memory, and what they change is written together. What one of them changes, the next one on the same task
//! sees. So a commit costs a share of a handful of statements, whatever it is one of.

mod decide;
mod load;
mod rows;
mod working;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sea_orm::Statement;
use slacktide_engine::{
    commit::{Claimant, Event},
    id::{SubtaskId, TaskId},
    plan::Accepted,
    status::ResourceStatus,
    time::Micros,
};

use crate::{
    clock,
    commit::{Committed, Journal},
    error::StoreError,
    idempotency::Key,
    logs::LogTail,
    session::Session,
    signal::Wake,
};
use load::Needs;
use working::Working;

/// An operation that shares its transaction.
#[derive(Debug)]
pub(crate) enum Op {
    Commit(Box<CommitOp>),
    Submit(Box<SubmitOp>),
    Intent(IntentOp),
    Log(LogTail),
}

/// An event on a task, and what goes with it.
#[derive(Debug)]
pub(crate) struct CommitOp {
    pub(crate) task: TaskId,
    pub(crate) event: Event,
    pub(crate) claimant: Claimant,
    pub(crate) journal: Option<Journal>,
    pub(crate) log: Option<LogTail>,
    pub(crate) key: Option<Key>,
}

/// A task to be accepted, and the cluster as it must be then.
#[derive(Debug)]
pub(crate) struct SubmitOp {
    pub(crate) accepted: Accepted,
    pub(crate) generation: i64,
    pub(crate) former_status: ResourceStatus,
    pub(crate) held_status: ResourceStatus,
    pub(crate) key: Option<Key>,
}

/// What a run is about to do.
#[derive(Debug)]
pub(crate) struct IntentOp {
    pub(crate) task: TaskId,
    pub(crate) subtask: SubtaskId,
    pub(crate) epoch: i64,
    pub(crate) intent: String,
}

/// What came of an operation, if it was not refused.
#[derive(Debug)]
pub(crate) enum Reply {
    Committed(Box<Committed>),
    /// Whether the intent was recorded.
    Recorded(bool),
    Done,
}

/// What a batch leaves, once it is committed.
pub(crate) struct Carried {
    pub(crate) replies: Vec<Result<Reply, StoreError>>,
    pub(crate) wakes: Vec<Wake>,
    /// Whether anything is to be committed. Not if all were refused.
    pub(crate) wrote: bool,
}

impl Op {
    /// The task whose row it locks first.
    fn locks(&self) -> Option<TaskId> {
        match self {
            Self::Commit(op) => Some(op.task),
            Self::Intent(op) => Some(op.task),
            Self::Submit(_) | Self::Log(_) => None,
        }
    }

    /// What decides which of several writers carries it out: operations on one task belong together.
    pub(crate) fn lane(&self) -> i64 {
        match self {
            Self::Commit(op) => op.task.0,
            Self::Intent(op) => op.task.0,
            Self::Submit(op) => op.accepted.task.id.0,
            Self::Log(tail) => tail.subtask.0,
        }
    }

    /// The subtasks that it speaks of.
    fn names(&self) -> Vec<SubtaskId> {
        match self {
            Self::Commit(op) => load::named(&op.event),
            Self::Intent(op) => vec![op.subtask],
            Self::Submit(_) | Self::Log(_) => Vec::new(),
        }
    }
}

/// Carries operations out in the transaction that `begin` begins, up to its COMMIT. The transaction is good for
/// nothing after an error: then none of them was carried out.
pub(crate) async fn run(
    session: &Session,
    begin: Statement,
    ops: &[Op],
) -> Result<Carried, StoreError> {
    let now = clock::now();
    let mut batch = Batch::new(ops.len(), now);
    let mut begin = vec![begin];
    let locks: BTreeSet<_> = ops.iter().filter_map(Op::locks).collect();
    if !locks.is_empty() {
        let named = load::with_followers(ops.iter().flat_map(Op::names).collect());
        batch.tasks = load::tasks(session, std::mem::take(&mut begin), &locks, &named).await?;
        batch.decide_all(session, ops).await?;
    }
    for (number, op) in ops.iter().enumerate() {
        match op {
            Op::Submit(op) => batch.submit(number, op),
            Op::Log(tail) => {
                batch.logs.push(tail);
                batch.replies[number] = Some(Ok(Reply::Done));
            }
            Op::Commit(_) | Op::Intent(_) => {}
        }
    }
    let wrote = rows::write(session, begin, &batch).await?;
    Ok(batch.into_carried(wrote))
}

/// A transaction in the making.
struct Batch<'a> {
    now: Micros,
    replies: Vec<Option<Result<Reply, StoreError>>>,
    wakes: Vec<Wake>,
    tasks: BTreeMap<TaskId, Working>,
    submits: Vec<&'a SubmitOp>,
    keys: Vec<(&'a Key, i64)>,
    logs: Vec<&'a LogTail>,
    journals: Vec<&'a Journal>,
}

impl<'a> Batch<'a> {
    fn new(size: usize, now: Micros) -> Self {
        Self {
            now,
            replies: std::iter::repeat_with(|| None).take(size).collect(),
            wakes: Vec::new(),
            tasks: BTreeMap::new(),
            submits: Vec::new(),
            keys: Vec::new(),
            logs: Vec::new(),
            journals: Vec::new(),
        }
    }

    /// Decides the operations of each task in order, loading what they turn out to need.
    async fn decide_all(&mut self, session: &Session, ops: &'a [Op]) -> Result<(), StoreError> {
        let mut queues: BTreeMap<TaskId, VecDeque<usize>> = BTreeMap::new();
        for (number, op) in ops.iter().enumerate() {
            if let Some(task) = op.locks() {
                queues.entry(task).or_default().push_back(number);
            }
        }
        loop {
            let mut needs = Needs::default();
            for (task, queue) in &mut queues {
                while let Some(&number) = queue.front() {
                    match self.decide(*task, &ops[number]) {
                        decide::Decided::Reply(reply) => {
                            self.replies[number] = Some(reply);
                            queue.pop_front();
                        }
                        decide::Decided::Needs(need) => {
                            needs.add(*task, need);
                            break;
                        }
                    }
                }
            }
            if needs.is_empty() {
                return Ok(());
            }
            needs.load(session, &mut self.tasks).await?;
        }
    }

    fn submit(&mut self, number: usize, op: &'a SubmitOp) {
        let task = &op.accepted.task;
        let cluster = task.cluster.id;
        let taken = |other: &&SubmitOp| other.accepted.task.cluster.id == cluster;
        if self.submits.iter().any(taken) {
            self.replies[number] = Some(Err(StoreError::Conflict("the cluster")));
            return;
        }
        self.keys
            .extend(op.key.as_ref().map(|key| (key, task.id.0)));
        self.wakes.push(Wake::Task(task.id, task.revision));
        self.wakes.push(Wake::Work);
        self.submits.push(op);
        self.replies[number] = Some(Ok(Reply::Done));
    }

    fn into_carried(self, wrote: bool) -> Carried {
        let replies = self.replies.into_iter();
        Carried {
            replies: replies
                .map(|reply| reply.unwrap_or(Err(StoreError::Closed)))
                .collect(),
            wakes: self.wakes,
            wrote,
        }
    }
}
