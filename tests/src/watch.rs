use std::collections::VecDeque;

use anyhow::{Context, Result, bail, ensure};
use slacktide_api::v1::task_change::Change;
use slacktide_api::v1::watch_task_response::Event;
use slacktide_api::v1::{Task, TaskChange, WatchTaskResponse};
use tonic::{Status, Streaming};

/// A stream of WatchTask, change by change.
#[derive(Debug)]
pub struct TaskWatch {
    stream: Streaming<WatchTaskResponse>,
    snapshot: Option<Task>,
    changes: VecDeque<TaskChange>,
}

impl TaskWatch {
    pub(crate) fn new(stream: Streaming<WatchTaskResponse>) -> Self {
        Self {
            stream,
            snapshot: None,
            changes: VecDeque::new(),
        }
    }

    /// The snapshot with which the stream began, put together from its chunks.
    ///
    /// # Errors
    /// When the stream breaks, or begins with something else.
    pub async fn snapshot(&mut self) -> Result<Task> {
        loop {
            let message = self
                .stream
                .message()
                .await?
                .context("the stream ended in its snapshot")?;
            let Some(Event::Snapshot(chunk)) = message.event else {
                bail!("the stream does not begin with a snapshot: {message:?}");
            };
            if let Some(task) = chunk.task {
                ensure!(self.snapshot.is_none(), "the snapshot holds the task twice");
                self.snapshot = Some(task);
            }
            let task = self
                .snapshot
                .as_mut()
                .context("the first chunk holds no task")?;
            task.subtasks.extend(chunk.subtasks);
            if chunk.last {
                return self.snapshot.take().context("the snapshot holds no task");
            }
        }
    }

    /// The next change; `None` when the stream ended as it should. Passes over a snapshot.
    ///
    /// # Errors
    /// The status with which the stream broke.
    pub async fn next(&mut self) -> Result<Option<TaskChange>, Status> {
        loop {
            if let Some(change) = self.changes.pop_front() {
                return Ok(Some(change));
            }
            let Some(message) = self.stream.message().await? else {
                return Ok(None);
            };
            if let Some(Event::Changes(changes)) = message.event {
                self.changes.extend(changes.changes);
            }
        }
    }

    /// All changes up to the end of the stream.
    ///
    /// # Errors
    /// The status with which the stream broke.
    pub async fn rest(&mut self) -> Result<Vec<TaskChange>, Status> {
        let mut changes = Vec::new();
        while let Some(change) = self.next().await? {
            changes.push(change);
        }
        Ok(changes)
    }
}

/// Applies a change to a task, as a watcher does that keeps its own copy.
///
/// # Errors
/// When the change does not follow on the task's revision, or names a subtask that the task lacks.
pub fn fold(task: &mut Task, change: &TaskChange) -> Result<()> {
    ensure!(
        change.revision == task.revision + 1,
        "revision {} follows on {}",
        change.revision,
        task.revision
    );
    task.revision = change.revision;
    match change.change.clone().context("a change without content")? {
        Change::Task(state) => {
            task.status = state.status;
            task.operation = state.operation;
            task.start_time = state.start_time;
            task.finish_time = state.finish_time;
            task.error = state.error;
        }
        Change::Subtask(state) => {
            let subtask = task
                .subtasks
                .iter_mut()
                .find(|subtask| subtask.id == state.id)
                .with_context(|| {
                    format!("revision {} names no subtask of the task", change.revision)
                })?;
            subtask.status = state.status;
            subtask.operation = state.operation;
            subtask.executor = state.executor;
            subtask.run_time = state.run_time;
            subtask.start_time = state.start_time;
            subtask.finish_time = state.finish_time;
            subtask.error = state.error;
            subtask.error_code = state.error_code;
        }
    }
    Ok(())
}
