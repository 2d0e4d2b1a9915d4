//! The floor under all signals: at each tick, what was lost is taken over, what is late is ended, what nobody is left
//! to run fails, and what an operator cancels is told. There is no other way to recover.

mod backoff;
mod overdue;
mod stranded;
mod take_over;

use std::time::Duration;

use slacktide_engine::id::{SubtaskId, TaskId};
use slacktide_store::{Assignment, StoreError};
use slacktide_telemetry::metrics;

use self::stranded::PlaceWatch;
use crate::{action, worker::Worker};

pub(crate) use backoff::Backoff;
pub(crate) use take_over::take_over;

/// How many hosts are fenced and looked at at a time.
const PARALLEL: usize = 16;

/// How long a host may take to be fenced: longer than the lock of its file is waited for.
const FENCE_LIMIT: Duration = Duration::from_secs(10);

/// Recovers what there is to recover, at each tick. Never ends.
pub(crate) async fn recover_forever(worker: &Worker) {
    let mut ticks = tokio::time::interval(worker.options().tick);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut places = PlaceWatch::new(worker.options().host_grace);
    loop {
        ticks.tick().await;
        if let Err(error) = recover(worker, &mut places).await {
            tracing::warn!(%error, "cannot look for what was lost, trying again at the next tick");
            places.forget();
        }
        worker.wake();
    }
}

async fn recover(worker: &Worker, places: &mut PlaceWatch) -> Result<(), StoreError> {
    let store = worker.store();
    let depth = store.queue_depth().await?;
    metrics::set_queue_depth(depth.ready, depth.running);
    worker.learn_selectors().await?;

    // The answer to a commit was lost, or a run panicked.
    let mut lost = worker.own_lost_runs().await?;
    if !lost.is_empty() {
        tracing::warn!(
            runs = lost.len(),
            "runs of this executor were lost, running them again"
        );
    }
    // Claims find these, too, but not while there is no room for what is READY.
    lost.extend(worker.lost_runs().await?);
    worker.take_over_elsewhere(lost);
    overdue::end(worker).await?;
    stranded::fail(worker, places).await
}

/// Tells runs of this executor that an operator canceled them. Never ends.
pub(crate) async fn cancel_forever(worker: &Worker) {
    let mut ticks = tokio::time::interval(worker.options().tick);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = worker.store().signals().canceling() => {}
            _ = ticks.tick() => {}
        }
        match worker.store().canceling(worker.id()).await {
            Ok(canceling) => {
                for (_, subtask, epoch) in canceling {
                    worker.runs().cancel(subtask, epoch);
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look which runs are canceled"),
        }
    }
}

/// A run that somebody else began, with what it works on; `None` if it is not that run any more.
async fn assignment(
    worker: &Worker,
    task: TaskId,
    subtask: SubtaskId,
    epoch: i64,
) -> Result<Option<Assignment>, StoreError> {
    let store = worker.store();
    let subtask = store.subtask(task, subtask).await?;
    if subtask.epoch != epoch {
        return Ok(None);
    }
    let task = store.task(task, false).await?.task;
    store.assignment(task, subtask).await.map(Some)
}

/// Keeps a run that somebody else began from acting on its host any more.
async fn fence(worker: &Worker, assignment: &Assignment) -> Result<(), String> {
    let fencing = action::fence_out(assignment, worker.options());
    let in_time = tokio::time::timeout(FENCE_LIMIT, fencing).await;
    in_time.unwrap_or_else(|_| Err("the host did not answer".to_owned()))
}
