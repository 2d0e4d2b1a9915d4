//! The operations of the hot path, many in one transaction: the rows of all are read together, where they are not known
//! from the last commit, each is decided in memory, and what they change is written together. What one of them changes, the next one on the same task
//! sees. So a commit costs a share of a handful of statements, whatever it is one of.

mod decide;
mod known;
mod load;
mod opening;
mod rows;
mod script;
mod working;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sea_orm::{ConnectionTrait, Statement};
use slacktide_engine::{
    commit::{Claimant, Event},
    id::{SubtaskId, TaskId},
    plan::Accepted,
    status::{ResourceStatus, SubtaskStatus},
    subtask::Subtask,
    time::Micros,
};

use crate::{
    assignments::Servers,
    clock,
    commit::{Committed, Journal},
    error::StoreError,
    idempotency::Key,
    logs::LogTail,
    session::Session,
    signal::Wake,
};
pub(crate) use known::Known;
use load::Needs;
use opening::Opening;
use script::Done;
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
    /// The tasks as they are then.
    pub(crate) tasks: BTreeMap<TaskId, Working>,
    pub(crate) left: Left,
}

/// What is left to be done with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It is committed.
    Nothing,
    ToCommit,
    /// It has written nothing: all were refused.
    ToRollBack,
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
    known: &Mutex<Known>,
) -> Result<Carried, StoreError> {
    let locks: BTreeSet<_> = ops.iter().filter_map(Op::locks).collect();
    let tasks = lock(known).take(&locks);
    if !tasks.is_empty() {
        match attempt(session, begin.clone(), ops, &locks, tasks).await {
            Ok(Some(carried)) => return Ok(carried),
            Err(error) if error.is_lost() => return Err(error),
            // It may have come of what was known and is not so any more.
            Err(error) => tracing::debug!(%error, "a transaction is begun again, from reading"),
            Ok(None) => tracing::debug!("somebody else committed on a task, reading it again"),
        }
        // SQLite may have ended it by itself.
        let _ = session.execute_unprepared("ROLLBACK").await;
    }
    let read = attempt(session, begin, ops, &locks, BTreeMap::new()).await?;
    read.ok_or(StoreError::Conflict("a task"))
}

/// Carries them out with what is known of some of their tasks. `None` if that is not so any more.
async fn attempt(
    session: &Session,
    begin: Statement,
    ops: &[Op],
    locks: &BTreeSet<TaskId>,
    known: BTreeMap<TaskId, Working>,
) -> Result<Option<Carried>, StoreError> {
    let mut batch = Batch::new(ops.len(), clock::now());
    let version = |task: &TaskId| known.get(task).map(|working| working.version);
    let versions = locks.iter().map(|task| (*task, version(task)));
    let mut opening = Opening::new(session, begin, versions)?;
    let unknown: BTreeSet<_> = locks
        .iter()
        .copied()
        .filter(|task| version(task).is_none())
        .collect();
    batch.tasks = known;
    if !unknown.is_empty() {
        let of_unknown = |op: &&Op| op.locks().is_some_and(|task| unknown.contains(&task));
        let named = ops.iter().filter(of_unknown).flat_map(Op::names).collect();
        let named = load::with_followers(named);
        let tasks = &mut batch.tasks;
        if !load::tasks(session, &mut opening, &unknown, &named, tasks).await? {
            return Ok(None);
        }
    }
    if !batch.decide_all(session, &mut opening, ops).await? {
        return Ok(None);
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
    let reads = Servers::statements(session, batch.claimed())?;
    let writes = rows::writes(session, &batch)?;
    let wrote = !writes.is_empty();
    match script::run(session, opening, writes, reads).await? {
        Done::Stale => Ok(None),
        Done::Ran { committed, read } => {
            batch.hand_out(Servers::read(read.into_iter()));
            let left = match (committed, wrote) {
                (true, _) => Left::Nothing,
                (false, true) => Left::ToCommit,
                (false, false) => Left::ToRollBack,
            };
            Ok(Some(batch.into_carried(left)))
        }
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Decides the operations of each task in order, loading what they turn out to need. `false` if one of the tasks
    /// is not as it was known.
    async fn decide_all(
        &mut self,
        session: &Session,
        opening: &mut Opening,
        ops: &'a [Op],
    ) -> Result<bool, StoreError> {
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
                return Ok(true);
            }
            if !needs.load(session, opening, &mut self.tasks).await? {
                return Ok(false);
            }
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
        self.wakes.extend(first_work(&op.accepted));
        self.submits.push(op);
        self.replies[number] = Some(Ok(Reply::Done));
    }

    /// The subtasks that were claimed.
    fn claimed(&self) -> impl Iterator<Item = &Subtask> + Clone {
        let replies = self.replies.iter().flatten().flatten();
        replies.flat_map(|reply| match reply {
            Reply::Committed(committed) => committed.claimed.as_slice(),
            Reply::Recorded(_) | Reply::Done => &[],
        })
    }

    /// Tells those who claimed what they claimed works on.
    fn hand_out(&mut self, servers: Servers) {
        let servers = Arc::new(servers);
        for reply in self.replies.iter_mut().flatten().flatten() {
            if let Reply::Committed(committed) = reply {
                committed.servers = Arc::clone(&servers);
            }
        }
    }

    fn into_carried(self, left: Left) -> Carried {
        let replies = self.replies.into_iter();
        Carried {
            replies: replies
                .map(|reply| reply.unwrap_or(Err(StoreError::Closed)))
                .collect(),
            wakes: self.wakes,
            tasks: self.tasks,
            left,
        }
    }
}

/// Whom an accepted task wakes: it may be claimed at once, unless it is not for every executor.
fn first_work(accepted: &Accepted) -> impl Iterator<Item = Wake> {
    let subtasks = accepted.subtasks.iter();
    let ready = subtasks.filter(|subtask| subtask.state.status == SubtaskStatus::Ready);
    ready.map(
        |first| match first.host.is_none() && first.selector.labels().is_empty() {
            true => Wake::Accepted(first.task, first.id),
            false => Wake::Work,
        },
    )
}
