//! Ends runs that are long past their deadline and that their own executors do not end: an act that hangs while
//! its process goes on renewing its lease, or a host that is gone with its executor.

use futures::{StreamExt, stream};
use slacktide_engine::{commit::Event, time::Micros};
use slacktide_store::{RunKey, StoreError, clock};

use super::{PARALLEL, assignment, fence};
use crate::{action, run_log::RunLog, worker::Worker};

/// How often the fence of a host is tried before a run is ended without it. Whatever acts on that host later raises
/// the fence itself, before it does or decides anything.
const FENCE_TRIES: u32 = 3;

/// Ends what is overdue, beside what else there is to recover: a host may be slow.
pub(super) async fn end(worker: &Worker) -> Result<(), StoreError> {
    let grace = worker.options().overdue_grace.as_micros();
    let before = Micros(clock::now().0 - i64::try_from(grace).unwrap_or(i64::MAX));
    let overdue = worker
        .store()
        .overdue(&worker.options().host, before)
        .await?;
    if !overdue.is_empty() {
        let ending_worker = worker.clone();
        worker.beside(async move {
            let ending = overdue.into_iter().map(|run| end_one(&ending_worker, run));
            stream::iter(ending)
                .buffer_unordered(PARALLEL)
                .collect::<()>()
                .await;
        });
    }
    Ok(())
}

async fn end_one(worker: &Worker, run: RunKey) {
    let (_, subtask, _) = run;
    let Some(tries) = worker.admit(subtask) else {
        return;
    };
    match try_to_end(worker, run, tries).await {
        Tried::Unfenced => worker.count(subtask),
        Tried::Ended => worker.spare(subtask),
    }
}

enum Tried {
    /// Its host could not be fenced, and may be later.
    Unfenced,
    /// The run is over, or was not to be ended.
    Ended,
}

async fn try_to_end(worker: &Worker, (task, subtask, epoch): RunKey, tries: u32) -> Tried {
    let assignment = match assignment(worker, task, subtask, epoch).await {
        Ok(Some(assignment)) => assignment,
        Ok(None) => return Tried::Ended,
        Err(error) => {
            tracing::warn!(%task, %subtask, %error, "cannot read a run that is overdue");
            return Tried::Ended;
        }
    };
    if let Err(error) = fence(worker, &assignment).await {
        tracing::warn!(%task, %subtask, error, "cannot fence a run that is overdue");
        if tries < FENCE_TRIES {
            return Tried::Unfenced;
        }
    }
    // The run's own log is its executor's to write.
    let (log, _) = RunLog::new();
    let observed = action::look_once(&assignment, worker.options(), &log).await;
    tracing::warn!(%task, %subtask, ?observed, "ending a run that is overdue and that its executor does not end");
    let event = Event::Expire {
        subtask,
        epoch,
        observed,
    };
    worker.commit_and_start(task, event).await;
    Tried::Ended
}
