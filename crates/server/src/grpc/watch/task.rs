//! `WatchTask`: a snapshot, then every change without a gap, then the end.

use std::collections::VecDeque;

use slacktide_api::v1::{
    Subtask, Task, TaskSnapshot, WatchTaskResponse, watch_task_response::Event,
};
use slacktide_engine::{id::TaskId, status::TaskStatus};
use tokio::sync::broadcast::{self, error::RecvError};

use super::feed::{Batch, Feeds, News, batches};
use crate::{
    app::{AppError, Violations},
    grpc::{
        convert::task,
        stream::{Source, Told, told},
    },
};

/// How many subtasks one chunk of a snapshot has. A stream keeps the buffer that its largest message needed.
const CHUNK: usize = 50;

/// One watcher.
struct Watch {
    feeds: Feeds,
    task: TaskId,
    news: broadcast::Receiver<News>,
    /// What was read and is still to be sent: chunks of the snapshot, or changes from the store.
    unsent: VecDeque<Event>,
    /// The last revision sent, or about to be; what comes next is this plus 1.
    sent: i64,
    /// Whether the feed may have left something out, so that the store must be asked.
    behind: bool,
    /// Whether nothing follows what is still to be sent.
    ended: bool,
}

/// Watches a task from a revision on, or from a snapshot on. The stream ends without an error only behind the
/// last change of a task that ended.
pub(in crate::grpc) async fn watch_task(
    feeds: &Feeds,
    task: TaskId,
    after: Option<i64>,
) -> Result<Told<WatchTaskResponse>, AppError> {
    if after.is_some_and(|after| after < 0) {
        let mut violations = Violations::default();
        violations.add("after_revision", "must not be negative");
        return Err(violations.into());
    }
    // Before reading: a commit between the two is then told.
    let news = feeds.follow(task);
    let found = feeds.store().task(task, after.is_none()).await?;
    let last = found.task.revision;
    if let Some(after) = after.filter(|after| *after > last) {
        return Err(AppError::BeyondLast { task, after, last });
    }
    let unsent = match after {
        None => {
            let subtasks = task::subtasks(&found.subtasks, &found.zones);
            chunks(task::task(&found.task, &found.context), subtasks)
        }
        Some(_) => VecDeque::new(),
    };
    let sent = after.unwrap_or(last);
    Ok(told(Watch {
        feeds: feeds.clone(),
        task,
        news,
        unsent,
        sent,
        behind: sent < last,
        ended: sent == last && found.task.state.status != TaskStatus::Running,
    }))
}

impl Source for Watch {
    type Message = WatchTaskResponse;

    async fn next(&mut self) -> Result<Option<WatchTaskResponse>, AppError> {
        loop {
            if let Some(event) = self.unsent.pop_front() {
                if self.unsent.is_empty() {
                    // Most watchers wait most of the time: meanwhile they keep no room.
                    self.unsent.shrink_to_fit();
                }
                return Ok(Some(WatchTaskResponse { event: Some(event) }));
            }
            if self.ended {
                return Ok(None);
            }
            if self.behind {
                // Apart from the watcher, which would else keep its room while it waits.
                Box::pin(self.catch_up()).await?;
                continue;
            }
            match self.news.recv().await {
                Ok(News::Changes(batch)) => self.take(batch),
                Ok(News::Stands { revision, ended }) => {
                    self.behind = revision > self.sent;
                    self.ended = ended && revision == self.sent;
                }
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) if self.feeds.is_draining() => {
                    return Err(AppError::DrainingAfter(self.sent));
                }
                Err(RecvError::Closed) => {
                    self.news = self.feeds.follow(self.task);
                    self.behind = true;
                }
            }
        }
    }
}

impl Watch {
    /// Sends the feed's changes if they are the next. Where only some are, as for whoever joined just before,
    /// these are read.
    fn take(&mut self, batch: Batch) {
        if batch.first == self.sent + 1 {
            self.sent = batch.last;
            self.unsent.push_back(Event::Changes(batch.changes));
        } else {
            self.behind = batch.last > self.sent;
        }
    }

    /// Reads from the store what follows; nothing follows if the task stands where this watcher does.
    async fn catch_up(&mut self) -> Result<(), AppError> {
        let store = self.feeds.store();
        let revisions = store.revisions(self.task, self.sent).await?;
        if let Some(last) = revisions.last() {
            let last = last.number;
            let batches = batches(self.task, self.sent, revisions)?.into_iter();
            self.unsent
                .extend(batches.map(|batch| Event::Changes(batch.changes)));
            self.sent = last;
            return Ok(());
        }
        let now = store.task(self.task, false).await?.task;
        if now.revision == self.sent {
            self.behind = false;
            self.ended = now.state.status != TaskStatus::Running;
        }
        Ok(())
    }
}

fn chunks(task: Task, subtasks: Vec<Subtask>) -> VecDeque<Event> {
    let mut subtasks = subtasks.into_iter();
    let mut task = Some(task);
    let mut chunks = VecDeque::new();
    loop {
        let chunk: Vec<_> = subtasks.by_ref().take(CHUNK).collect();
        let last = subtasks.len() == 0;
        chunks.push_back(Event::Snapshot(TaskSnapshot {
            task: task.take(),
            subtasks: chunk,
            last,
        }));
        if last {
            return chunks;
        }
    }
}
