//! One run of a subtask: its log, its deadline, its action, and the commit of what came of it.

use std::time::Duration;

use futures::future::BoxFuture;
use slacktide_engine::{
    commit::{Event, Failure, Observation, Outcome, Refusal},
    fence::Fence,
    status::TaskStatus,
    subtask::Subtask,
};
use slacktide_store::{Assignment, Committed, Journal, LogLine, Store, StoreError, clock};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    action::{self, Ended},
    run_log::{Intents, RunLog, RunLost},
    worker::Worker,
};

/// How long an action has to come back after it was told to stop.
const CANCEL_LIMIT: Duration = Duration::from_secs(10);

/// How many log lines are written at a time.
const LOG_BATCH: usize = 256;

/// How often a log that grows slowly is written. Short enough to be followed by eye.
const LOG_INTERVAL: Duration = Duration::from_millis(200);

/// How long to wait before deciding again after somebody else committed first.
const CONFLICT_RETRY: Duration = Duration::from_millis(10);

/// How long to wait before a commit that the database did not take is tried again.
const COMMIT_RETRY: Duration = Duration::from_millis(500);

/// Everything that an action works with.
pub(crate) struct Context<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) assignment: &'a Assignment,
    pub(crate) log: &'a RunLog,
    pub(crate) cancel: &'a CancellationToken,
    pub(crate) intents: &'a dyn Intents,
}

impl Context<'_> {
    /// The fence of this run.
    pub(crate) fn fence(&self) -> Fence {
        fence_of(self.assignment)
    }
}

pub(crate) fn fence_of(assignment: &Assignment) -> Fence {
    Fence {
        generation: assignment.task.generation,
        epoch: assignment.subtask.epoch,
    }
}

/// How a run ended, to be committed, with the lines of its log that are not written yet.
pub(crate) struct End {
    event: Event,
    journal: Option<Journal>,
    tail: Tail,
}

/// Runs a claimed subtask to its end; `None` if that is nobody's concern any more.
///
/// `interrupt` makes it stop before that: then it is handed back undone.
pub(crate) async fn act(
    worker: &Worker,
    assignment: &Assignment,
    interrupt: &CancellationToken,
) -> Option<End> {
    let (log, lines) = RunLog::new();
    let begun_before = assignment.subtask.state.start_time < Some(assignment.task.last_time);
    if begun_before {
        log.line("an earlier run was lost or handed back: going on from what is found");
    }
    let writing = write_log(worker.store(), &assignment.subtask, lines);
    let (ended, tail) = tokio::join!(within_deadline(worker, assignment, log, interrupt), writing);

    let (subtask, epoch) = (assignment.subtask.id, assignment.subtask.epoch);
    let (event, journal) = match ended {
        Ended::Lost => {
            tail.write(worker.store(), &assignment.subtask).await;
            return None;
        }
        Ended::Interrupted => (Event::HandBack { subtask, epoch }, None),
        Ended::Done { outcome, journal } => (
            Event::Finish {
                subtask,
                epoch,
                outcome,
            },
            journal,
        ),
    };
    Some(End {
        event,
        journal,
        tail,
    })
}

async fn within_deadline(
    worker: &Worker,
    assignment: &Assignment,
    log: RunLog,
    interrupt: &CancellationToken,
) -> Ended {
    let subtask = &assignment.subtask;
    let cancel = interrupt.child_token();
    let intents = DurableIntents {
        store: worker.store(),
        subtask,
    };
    let context = Context {
        worker,
        assignment,
        log: &log,
        cancel: &cancel,
        intents: &intents,
    };

    let acting = action::run(&context);
    tokio::pin!(acting);
    let expired = tokio::select! {
        ended = &mut acting => return ended,
        () = interrupt.cancelled() => false,
        () = tokio::time::sleep(subtask.timeout) => true,
    };
    cancel.cancel();
    let ended = tokio::time::timeout(CANCEL_LIMIT, &mut acting).await;
    match ended {
        // It came to an end of its own just now.
        Ok(ended @ (Ended::Done { .. } | Ended::Lost)) => ended,
        _ if !expired => {
            log.line("interrupted: the executor drains and hands the subtask back");
            Ended::Interrupted
        }
        _ => {
            let reason = format!(
                "{} did not end within {} s; look at its log and at the host",
                subtask.kind.name(),
                subtask.timeout.as_secs(),
            );
            log.line(format!("failed: {reason}"));
            let observed = action::observe(&context).await;
            let failure = Failure {
                reason,
                expired: true,
            };
            Ended::Done {
                outcome: Outcome {
                    result: Err(failure),
                    observed,
                },
                journal: None,
            }
        }
    }
}

/// What came of an attempt to commit the end of a run.
pub(crate) enum Commit {
    Done(Box<Committed>),
    /// The run is somebody else's.
    Dropped,
    /// The database did not take it: to be tried again after this.
    Again(Duration),
}

/// Tries to commit the end of a run.
pub(crate) async fn commit(worker: &Worker, assignment: &Assignment, end: &mut End) -> Commit {
    let tail = std::mem::take(&mut end.tail);
    let End { event, journal, .. } = end;
    let (store, claimant) = (worker.store(), worker.claimant_after_run());
    let committing = store.commit(assignment.task.id, event.clone(), claimant, journal.clone());
    // Queued first, the tail is durable no later than the end: who sees the end can read all of the log.
    let (_, committed) = tokio::join!(tail.write(store, &assignment.subtask), committing);
    match committed {
        Ok(committed) => {
            observe(assignment, event, &committed);
            Commit::Done(Box::new(committed))
        }
        Err(StoreError::Database { operation, source }) => {
            tracing::warn!(operation, error = %source, "the end of a run cannot be committed yet");
            Commit::Again(COMMIT_RETRY)
        }
        Err(StoreError::Conflict(what)) => {
            tracing::debug!(what, "somebody else committed first, deciding again");
            Commit::Again(CONFLICT_RETRY)
        }
        Err(StoreError::Refused(Refusal::Stale { .. })) => {
            tracing::info!("the run was taken over, its end is dropped");
            Commit::Dropped
        }
        Err(error) => {
            tracing::error!(%error, "the end of a run cannot be committed and is dropped");
            Commit::Dropped
        }
    }
}

/// Tells the metrics and the log how the run, and perhaps its task, ended.
fn observe(assignment: &Assignment, event: &Event, committed: &Committed) {
    let Event::Finish { outcome, .. } = event else {
        return;
    };
    let subtask = &assignment.subtask;
    let (word, expired) = match &outcome.result {
        Ok(()) => ("SUCCESSFUL", false),
        Err(failure) => ("FAILED", failure.expired),
    };
    let now = committed.task.last_time;
    let took = subtask
        .state
        .start_time
        .map_or(Duration::ZERO, |start| now.since(start));
    slacktide_telemetry::metrics::observe_subtask(subtask.kind.name(), word, took);
    match &outcome.result {
        Ok(()) => tracing::debug!(subtask = subtask.kind.name(), "subtask succeeded"),
        Err(failure) => {
            tracing::warn!(
                subtask = subtask.kind.name(),
                reason = failure.reason,
                expired,
                "subtask failed"
            );
        }
    }
    observe_task(committed);
}

/// Tells the metrics and the log that a task has ended, if it has.
pub(crate) fn observe_task(committed: &Committed) {
    let task = &committed.task;
    if task.state.status == TaskStatus::Running {
        return;
    }
    let took = task.last_time.since(task.create_time);
    slacktide_telemetry::metrics::observe_task(task.kind.name(), task.state.status.as_str(), took);
    tracing::info!(
        task = task.kind.name(),
        cluster = task.cluster.name,
        status = task.state.status.as_str(),
        took_ms = took.as_millis() as u64,
        error = task.state.error,
        "task ended"
    );
}

/// Lines of a log that are not written yet, and the place of the first.
#[derive(Default)]
pub(crate) struct Tail {
    seq: i64,
    lines: Vec<LogLine>,
}

impl Tail {
    fn add(&mut self, text: String) {
        self.lines.push(LogLine {
            time: clock::now(),
            text,
        });
    }

    /// Writes the lines. One that cannot be written is lost: a run never fails for want of a log.
    async fn write(self, store: &Store, subtask: &Subtask) -> Self {
        let next = Self {
            seq: self.seq + self.lines.len() as i64,
            lines: Vec::new(),
        };
        if !self.lines.is_empty() {
            let writing = store.append_log(subtask.id, subtask.epoch, self.seq, self.lines);
            if let Err(error) = writing.await {
                tracing::warn!(%error, "lines of a subtask's log are lost");
            }
        }
        next
    }
}

/// Writes a run's lines as they come, until the log's other end is gone. Returns what is left then.
async fn write_log(
    store: &Store,
    subtask: &Subtask,
    mut lines: mpsc::UnboundedReceiver<String>,
) -> Tail {
    let mut tail = Tail::default();
    tail.add(subtask.state.operation.as_str().to_owned());
    loop {
        let full_or_late = tokio::time::sleep(LOG_INTERVAL);
        tokio::pin!(full_or_late);
        while tail.lines.len() < LOG_BATCH {
            tokio::select! {
                biased;
                line = lines.recv() => match line {
                    Some(text) => tail.add(text),
                    None => return tail,
                },
                () = &mut full_or_late => break,
            }
        }
        tail = tail.write(store, subtask).await;
    }
}

/// Intents of a run, written with the guard of its epoch.
struct DurableIntents<'a> {
    store: &'a Store,
    subtask: &'a Subtask,
}

impl Intents for DurableIntents<'_> {
    fn record<'a>(&'a self, intent: &'a str) -> BoxFuture<'a, Result<(), RunLost>> {
        Box::pin(async move {
            match self.store.record_intent(self.subtask, intent).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(RunLost),
                Err(error) => {
                    // What cannot be announced durably is not done. The run is looked for at the next tick.
                    tracing::warn!(%error, intent, "an intent cannot be recorded");
                    Err(RunLost)
                }
            }
        })
    }
}

/// A failure that is not a matter of time.
pub(crate) fn failed(reason: impl Into<String>, observed: Option<Observation>) -> Outcome {
    Outcome {
        result: Err(Failure {
            reason: reason.into(),
            expired: false,
        }),
        observed,
    }
}
