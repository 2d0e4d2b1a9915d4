//! Commits an event on a task: the engine decides, the batch loads and writes.

use std::sync::Arc;

use slacktide_engine::{
    commit::{Claimant, Event},
    id::{ServerId, TaskId},
    subtask::Subtask,
    task::Task,
};

use crate::{
    assignments::Servers,
    batch::{CommitOp, Op, Reply},
    connect::Store,
    error::StoreError,
    idempotency::Key,
    logs::LogTail,
};

/// What a run leaves in the journal of its server, with its outcome.
///
/// Its `Debug` shows the server alone: an environment may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Journal {
    /// The server.
    pub server: ServerId,
    /// Identity of its process, as the driver writes it; none if there is none.
    pub process: Option<String>,
    /// What it takes to start the process again; none keeps what is there.
    pub launch: Option<String>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What a run leaves with its outcome, in the same transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// What it found of its server's process.
    pub journal: Option<Journal>,
    /// The last lines of its log.
    pub log: Option<LogTail>,
}

impl From<Option<Journal>> for Traces {
    fn from(journal: Option<Journal>) -> Self {
        Self { journal, log: None }
    }
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The task as it is now.
    pub task: Task,
    /// What the claimant must run now, each with the epoch of its run.
    pub claimed: Vec<Subtask>,
    /// What those work on.
    pub(crate) servers: Arc<Servers>,
}

impl Store {
    /// Commits an executor's event on a task, in one transaction with what a run leaves.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the engine refuses it: nothing changed. [`StoreError::NotFound`] if there is no
    /// such task. [`StoreError::Database`] if it may or may not have been committed: send it again, the engine
    /// refuses what was.
    pub async fn commit(
        &self,
        task: TaskId,
        event: Event,
        claimant: Claimant,
        traces: impl Into<Traces>,
    ) -> Result<Committed, StoreError> {
        let Traces { journal, log } = traces.into();
        let log = log.filter(|tail| !tail.lines.is_empty());
        self.commit_op(CommitOp {
            task,
            event,
            claimant,
            journal,
            log,
            key: None,
        })
        .await
    }

    /// Commits what an operator asks of a task, and remembers it under a key.
    ///
    /// # Errors
    /// As [`Self::commit`]; [`StoreError::Duplicate`] if the key was used meanwhile: look it up again.
    pub async fn command(
        &self,
        task: TaskId,
        event: Event,
        key: Option<Key>,
    ) -> Result<Committed, StoreError> {
        self.commit_op(CommitOp {
            task,
            event,
            claimant: Claimant::none(),
            journal: None,
            log: None,
            key,
        })
        .await
    }

    async fn commit_op(&self, op: CommitOp) -> Result<Committed, StoreError> {
        let operation = "committing an event on a task";
        let op = Op::Commit(Box::new(op));
        match self.writer.share(operation, op).await? {
            Reply::Committed(committed) => Ok(*committed),
            Reply::Recorded(_) | Reply::Done => Err(StoreError::Closed),
        }
    }
}
