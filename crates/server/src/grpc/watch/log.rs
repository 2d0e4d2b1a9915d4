//! `WatchSubtaskLog`: the lines so far, then each as it is written, then the end.

use std::{collections::VecDeque, time::Duration};

use slacktide_api::v1::WatchSubtaskLogResponse;
use slacktide_engine::{
    id::{SubtaskId, TaskId},
    status::{Operation, SubtaskStatus, TaskStatus},
    subtask::SubtaskState,
};
use slacktide_store::{LogRun, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{self, AppError},
    grpc::stream::{Source, Told, told},
};

/// How many lines one message has.
const LINES: usize = 200;

/// How long a follower waits for a commit on the task before it looks: lines are written without one.
const LOOK: Duration = Duration::from_millis(500);

/// How long a follower waits after a commit: a large task has thousands in a second, and each look reads.
const PAUSE: Duration = Duration::from_millis(50);

/// One follower.
struct Follow {
    store: Store,
    drain: CancellationToken,
    commits: watch::Receiver<i64>,
    task: TaskId,
    subtask: SubtaskId,
    /// Lines that were read and are still to be sent.
    unsent: VecDeque<String>,
    /// How many lines of each run were read.
    read: Vec<usize>,
    /// Whether nothing follows what was read.
    over: bool,
}

/// Follows a subtask's log to the end of its run.
pub(in crate::grpc) async fn watch_log(
    store: &Store,
    drain: &CancellationToken,
    task: TaskId,
    subtask: SubtaskId,
) -> Result<Told<WatchSubtaskLogResponse>, AppError> {
    // A task that is unknown is told apart from a subtask that is.
    store.task(task, false).await?;
    let mut follow = Follow {
        store: store.clone(),
        drain: drain.clone(),
        commits: store.signals().task(task),
        task,
        subtask,
        unsent: VecDeque::new(),
        read: Vec::new(),
        over: false,
    };
    follow.look().await?;
    Ok(told(follow))
}

impl Source for Follow {
    type Message = WatchSubtaskLogResponse;

    async fn next(&mut self) -> Result<Option<WatchSubtaskLogResponse>, AppError> {
        loop {
            if !self.unsent.is_empty() {
                let some = self.unsent.len().min(LINES);
                let lines = self.unsent.drain(..some).collect();
                return Ok(Some(WatchSubtaskLogResponse { lines }));
            }
            if self.over {
                return Ok(None);
            }
            // Asked before the look: what was written before the drain is still told.
            let draining = self.drain.is_cancelled();
            // Apart from the follower, which would else keep its room while it waits.
            Box::pin(self.look()).await?;
            if !self.unsent.is_empty() || self.over {
                continue;
            }
            if draining {
                return Err(AppError::Draining);
            }
            tokio::select! {
                () = self.drain.cancelled() => {}
                Ok(()) = self.commits.changed() => tokio::time::sleep(PAUSE).await,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

impl Follow {
    async fn look(&mut self) -> Result<(), AppError> {
        // The state first: a run's log is written before its end is.
        let state = self.store.subtask(self.task, self.subtask).await?.state;
        let runs = self.store.log(self.task, self.subtask).await?;
        self.read.resize(runs.len(), 0);
        for (run, read) in runs.iter().zip(&mut self.read) {
            self.unsent.extend(app::lines(run).skip(*read));
            *read = line_count(run);
        }
        self.over = match state.status {
            SubtaskStatus::Failed | SubtaskStatus::Successful => true,
            SubtaskStatus::Pending => was_undone(&state) || self.task_is_done().await?,
            SubtaskStatus::Ready | SubtaskStatus::Running | SubtaskStatus::Canceling => false,
        };
        Ok(())
    }

    /// Whether no subtask of the task will run any more: what a rollback left PENDING never does.
    async fn task_is_done(&self) -> Result<bool, AppError> {
        let task = self.store.task(self.task, false).await?.task;
        Ok(task.state.status == TaskStatus::Successful)
    }
}

/// The head counts as a line.
fn line_count(run: &LogRun) -> usize {
    run.lines.len() + 1
}

/// Whether a PENDING subtask was rolled back, or passed over while its task was.
fn was_undone(state: &SubtaskState) -> bool {
    state.operation != Operation::Execute
}
