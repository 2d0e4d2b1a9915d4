//! `WatchTask`: a snapshot, then every change without a gap, then the end.
//!
//! The stream is pulled: it reads only when its client takes what was read before, so a slow client costs one
//! batch of memory and one that is gone costs nothing.

use std::{collections::VecDeque, time::Duration};

use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use slacktide_api::v1::{
    Subtask, Task, TaskChanges, TaskSnapshot, WatchTaskResponse, watch_task_response::Event,
};
use slacktide_engine::{
    id::TaskId,
    revision::{Changed, Revision},
    status::TaskStatus,
};
use slacktide_store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::{Instrument as _, Span};

use super::convert::task;
use crate::app::{AppError, Violations};

/// How many subtasks one chunk of a snapshot has.
const CHUNK: usize = 500;

/// How many changes one message has.
const BATCH: usize = 1000;

/// How long a watcher waits for a signal before it looks by itself. Signals are hints.
const TICK: Duration = Duration::from_secs(1);

/// One watcher.
pub(super) struct Watch {
    store: Store,
    task: TaskId,
    commits: watch::Receiver<i64>,
    drain: CancellationToken,
    /// Chunks of the snapshot that are still to be sent.
    snapshot: VecDeque<TaskSnapshot>,
    /// Changes that were read and are still to be sent.
    changes: VecDeque<Revision>,
    /// The last revision sent; what comes next is this plus 1.
    sent: i64,
    /// The task's status as of what was read last.
    status: TaskStatus,
}

impl Watch {
    /// Begins after a revision, or with a snapshot.
    pub(super) async fn begin(
        store: Store,
        task: TaskId,
        after: Option<i64>,
        drain: CancellationToken,
    ) -> Result<Self, AppError> {
        if after.is_some_and(|after| after < 0) {
            let mut violations = Violations::default();
            violations.add("after_revision", "must not be negative");
            return Err(violations.into());
        }
        // Before reading: a commit between the two is then told.
        let commits = store.signals().task(task);
        let found = store.task(task, after.is_none()).await?;
        let last = found.task.revision;
        if let Some(after) = after.filter(|after| *after > last) {
            return Err(AppError::BeyondLast { task, after, last });
        }
        let snapshot = match after {
            None => {
                let subtasks = task::subtasks(&found.subtasks, &found.zones);
                chunks(task::task(&found.task, &found.context), subtasks)
            }
            Some(_) => VecDeque::new(),
        };
        Ok(Self {
            store,
            task,
            commits,
            drain,
            snapshot,
            changes: VecDeque::new(),
            sent: after.unwrap_or(last),
            status: found.task.state.status,
        })
    }

    /// What the client receives. It ends without an error only behind the last change of a task that ended.
    pub(super) fn into_stream(self) -> BoxStream<'static, Result<WatchTaskResponse, Status>> {
        let span = Span::current();
        stream::try_unfold(self, move |mut watch| {
            let next = async move {
                let event = watch.next().await?;
                Ok(event.map(|event| (WatchTaskResponse { event: Some(event) }, watch)))
            };
            next.instrument(span.clone())
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Event>, AppError> {
        if let Some(chunk) = self.snapshot.pop_front() {
            return Ok(Some(Event::Snapshot(chunk)));
        }
        loop {
            // Asked before the read: what was committed before the drain is still told.
            let draining = self.drain.is_cancelled();
            if self.changes.is_empty() {
                self.changes = self.store.revisions(self.task, self.sent).await?.into();
            }
            if !self.changes.is_empty() {
                return self.send().map(Some);
            }
            if self.ended().await? {
                return Ok(None);
            }
            if draining {
                return Err(AppError::Draining(self.sent));
            }
            tokio::select! {
                () = self.drain.cancelled() => {}
                () = next_commit(&mut self.commits) => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    fn send(&mut self) -> Result<Event, AppError> {
        let batch = self.changes.len().min(BATCH);
        let mut changes = Vec::with_capacity(batch);
        for revision in self.changes.drain(..batch) {
            if revision.number != self.sent + 1 {
                let (task, sent, next) = (self.task, self.sent, revision.number);
                let gap = format!("task {task}: revision {next} follows {sent}");
                return Err(AppError::Internal(gap));
            }
            self.sent = revision.number;
            if let Changed::Task(state) = &revision.what {
                self.status = state.status;
            }
            changes.push(task::change(revision));
        }
        Ok(Event::Changes(TaskChanges { changes }))
    }

    /// Whether the task has ended and all of it was sent. Its row is asked once it looks so: a task that
    /// ended may have gone on since.
    async fn ended(&mut self) -> Result<bool, AppError> {
        if self.status == TaskStatus::Running {
            return Ok(false);
        }
        let row = self.store.task(self.task, false).await?.task;
        Ok(row.revision == self.sent && row.state.status != TaskStatus::Running)
    }
}

/// Waits for a commit on the task; for ever if nobody will tell of one.
async fn next_commit(commits: &mut watch::Receiver<i64>) {
    if commits.changed().await.is_err() {
        std::future::pending().await
    }
}

fn chunks(task: Task, subtasks: Vec<Subtask>) -> VecDeque<TaskSnapshot> {
    let mut subtasks = subtasks.into_iter();
    let mut task = Some(task);
    let mut chunks = VecDeque::new();
    loop {
        let chunk: Vec<_> = subtasks.by_ref().take(CHUNK).collect();
        let last = subtasks.len() == 0;
        chunks.push_back(TaskSnapshot {
            task: task.take(),
            subtasks: chunk,
            last,
        });
        if last {
            return chunks;
        }
    }
}
