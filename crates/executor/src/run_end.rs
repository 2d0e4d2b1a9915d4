//! Commits how a run ended, and tells the metrics and the process's log.

use std::time::Duration;

use slacktide_engine::{
    commit::{Claimant, Event, Refusal},
    status::TaskStatus,
    subtask::Subtask,
};
use slacktide_store::{Assignment, Committed, Store, StoreError, Traces, clock};

use crate::{crash_point, run::End, run_log};

/// How long to wait before deciding again after somebody else committed first.
const CONFLICT_RETRY: Duration = Duration::from_millis(10);

/// How long to wait before a commit that the database did not take is tried again.
const COMMIT_RETRY: Duration = Duration::from_millis(500);

/// What came of an attempt to commit the end of a run.
pub(crate) enum Commit {
    Done(Box<Committed>),
    /// The run is somebody else's.
    Dropped,
    /// The database did not take it: to be tried again after this.
    Again(Duration),
}

/// Tries to commit the end of a run, and the tail of its log with it.
pub(crate) async fn commit(
    store: &Store,
    assignment: &Assignment,
    end: &End,
    claimant: Claimant,
) -> Commit {
    crash_point::reached("before-commit").await;
    let traces = Traces {
        journal: end.journal.clone(),
        log: Some(end.tail.clone()),
    };
    let committing = store.commit(assignment.task.id, end.event.clone(), claimant, traces);
    match committing.await {
        Ok(committed) => {
            crash_point::reached("after-commit").await;
            observe(assignment, &end.event, &committed);
            Commit::Done(Box::new(committed))
        }
        Err(StoreError::Database { operation, source }) => {
            tracing::warn!(operation, error = %source, "the end of a run cannot be committed yet");
            Commit::Again(COMMIT_RETRY)
        }
        Err(StoreError::NotWritable) => {
            tracing::warn!(
                "the end of a run cannot be committed yet: the database takes no writes"
            );
            Commit::Again(COMMIT_RETRY)
        }
        Err(StoreError::Conflict(what)) => {
            tracing::debug!(what, "somebody else committed first, deciding again");
            Commit::Again(CONFLICT_RETRY)
        }
        Err(error) => {
            match error {
                StoreError::Refused(Refusal::Stale { .. }) => {
                    tracing::info!(
                        "the run was taken over or ended from outside, its end is dropped"
                    );
                }
                error => {
                    tracing::error!(%error, "the end of a run cannot be committed and is dropped")
                }
            }
            // Its log is kept nevertheless: it says what was done.
            run_log::append(store, end.tail.clone()).await;
            Commit::Dropped
        }
    }
}

/// How long it takes until the run's subtask runs again by itself, after a failure that may pass; `None` where it
/// does not.
pub(crate) async fn wait_before_next(
    store: &Store,
    assignment: &Assignment,
    end: &End,
) -> Option<Duration> {
    let Event::Finish { outcome, .. } = &end.event else {
        return None;
    };
    if !matches!(&outcome.result, Err(failure) if failure.transient) {
        return None;
    }
    let Subtask { task, id, .. } = assignment.subtask;
    let subtask = store.subtask(task, id).await.ok()?;
    Some(subtask.not_before?.since(clock::now()))
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
