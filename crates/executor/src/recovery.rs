//! The tick: renews the lease, notices executors that are gone, and finds runs that were lost, other executors'
//! and its own. There is no other way to recover: what was lost is claimed again, and its run looks first.

use std::{collections::BTreeMap, time::Instant};

use slacktide_engine::{
    commit::Event,
    fence::Fence,
    id::{SubtaskId, TaskId},
    kind::SubtaskKind,
};
use slacktide_store::{Assignment, StoreError};
use slacktide_telemetry::metrics;

use crate::{driver::Host, lease::LeaseWatch, worker::Worker};

/// How often a lease is renewed within its life: two renewals may fail before it is over.
const RENEWALS: u32 = 3;

/// The floor under all signals. Never ends.
pub(crate) async fn tick_forever(worker: &Worker) {
    let ttl = worker.options().lease_ttl;
    let mut watch = LeaseWatch::new(ttl);
    let mut ticks = tokio::time::interval(worker.options().tick);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut renewed = Instant::now();
    loop {
        ticks.tick().await;
        let due = renewed.elapsed() >= ttl / RENEWALS;
        match tick(worker, &mut watch, due).await {
            Ok(()) if due => renewed = Instant::now(),
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "the executor cannot reach the database, trying again");
                watch.forget();
            }
        }
        metrics::set_lease(renewed.elapsed() < ttl, renewed.elapsed());
        worker.wake();
    }
}

async fn tick(worker: &Worker, watch: &mut LeaseWatch, due: bool) -> Result<(), StoreError> {
    let store = worker.store();
    if due && !store.renew_lease(worker.id()).await? {
        tracing::warn!(
            "this executor's lease was taken away; it lets go of its runs and begins again"
        );
        worker.interrupt_runs();
        store
            .begin_lease(worker.id(), &worker.options().host, false)
            .await?;
    }
    let leases = store.leases().await?;
    let others = leases
        .into_iter()
        .filter(|lease| lease.id != worker.id())
        .collect();
    for over in watch.observe(others, Instant::now()) {
        if store.end_lease(&over).await? {
            tracing::warn!(
                executor = over.id,
                host = over.host,
                "an executor's lease is over"
            );
        }
    }
    let depth = store.queue_depth().await?;
    metrics::set_queue_depth(depth.ready, depth.running);

    // The answer to a commit was lost, or a run panicked.
    let lost = worker.own_lost_runs().await?;
    if !lost.is_empty() {
        tracing::warn!(
            runs = lost.len(),
            "runs of this executor were lost, running them again"
        );
        take_over(worker, lost).await;
    }
    Ok(())
}

/// Takes over lost runs. Their hosts are fenced first: whoever had them sends nothing more.
pub(crate) async fn take_over(worker: &Worker, lost: Vec<(TaskId, SubtaskId, i64)>) {
    let mut by_task: BTreeMap<TaskId, Vec<(SubtaskId, i64)>> = BTreeMap::new();
    for (task, subtask, epoch) in lost {
        match fence(worker, task, subtask, epoch).await {
            Ok(()) => {}
            // Nobody else is alive who could act. The new run meets the same obstacle and fails with the reason.
            Err(error) if worker.options().alone => {
                tracing::warn!(%task, %subtask, error, "cannot fence a lost run, going on");
            }
            Err(error) => {
                tracing::warn!(%task, %subtask, error, "cannot fence a lost run, trying again at the next tick");
                continue;
            }
        }
        by_task.entry(task).or_default().push((subtask, epoch));
    }
    for (task, runs) in by_task {
        worker
            .commit_and_start(task, Event::TakeOver { runs })
            .await;
    }
}

async fn fence(
    worker: &Worker,
    task: TaskId,
    subtask: SubtaskId,
    epoch: i64,
) -> Result<(), String> {
    let store = worker.store();
    let read = async {
        let subtask = store.subtask(task, subtask).await?;
        if subtask.kind != SubtaskKind::StopObserverProcess {
            return Ok(Vec::new());
        }
        let task = store.task(task, false).await?.task;
        store.assignments(task, vec![subtask]).await
    };
    let assignments: Vec<Assignment> = read.await.map_err(|error: StoreError| error.to_string())?;
    for assignment in assignments {
        // One above the lost run: whatever epoch the takeover gets is at least that.
        let fence = Fence {
            generation: assignment.task.generation,
            epoch: epoch + 1,
        };
        for server in &assignment.servers {
            Host::of(server, worker.options())
                .raise_fence(fence)
                .await?;
        }
    }
    Ok(())
}

/// Ends this executor's lease, so that what it left is taken over at once.
pub(crate) async fn give_up_lease(worker: &Worker) {
    let giving_up = async {
        for own in worker.store().leases().await? {
            if own.id == worker.id() {
                worker.store().end_lease(&own).await?;
            }
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = giving_up.await {
        tracing::warn!(%error, "the lease could not be given up; it runs out by itself");
    }
}
