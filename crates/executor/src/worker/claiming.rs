//! Looks for READY subtasks and claims them, within what this executor has room for.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use futures::{StreamExt, stream};
use slacktide_engine::{
    commit::Event,
    id::{SubtaskId, TaskId},
};
use slacktide_store::RunKey;

use super::Worker;
use crate::recovery;

/// How many tasks are claimed for at a time: enough that their commits share transactions.
const PARALLEL_CLAIMS: usize = 16;

/// How many READY subtasks are looked through at most for one that can be had.
const MOST_CANDIDATES: usize = 16_384;

impl Worker {
    /// Claims whenever there may be something to claim.
    pub(crate) async fn claim_until_drained(&self) {
        loop {
            tokio::select! {
                () = self.0.drain.cancelled() => return,
                () = self.0.store.signals().work() => {}
                () = self.0.wake.notified() => {}
            }
            self.claim_all().await;
        }
    }

    /// Claims until nothing is left, or no room for it.
    async fn claim_all(&self) {
        let mut widened = 1;
        loop {
            // Before the room is counted: a run that ends in between then sees that there is more.
            self.0.backlog.store(true, Ordering::Relaxed);
            let room = self.room(None);
            if room == 0 {
                return;
            }
            let (host, selectors, limit) = (
                &self.0.options.host,
                self.selectors(),
                room.saturating_mul(widened),
            );
            match self.0.store.candidates(host, &selectors, limit).await {
                Ok(candidates) => {
                    let more = candidates.ready.len().max(candidates.lost.len()) >= limit;
                    self.0.backlog.store(more, Ordering::Relaxed);
                    self.take_over_elsewhere(candidates.lost);
                    let claimed = self.claim(candidates.ready).await;
                    if !more || (claimed == 0 && limit >= MOST_CANDIDATES) {
                        return;
                    }
                    // Those that could not be had, because their task or host has enough, hide others.
                    widened = if claimed == 0 { widened * 8 } else { 1 };
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot look for work, trying again at the next tick");
                    return;
                }
            }
        }
    }

    /// Takes over lost runs without holding up what is claimed: a host may be slow to be fenced.
    fn take_over_elsewhere(&self, lost: Vec<RunKey>) {
        if !lost.is_empty() {
            let worker = self.clone();
            let taking_over = async move { recovery::take_over(&worker, lost).await };
            self.0.tracker.spawn(taking_over);
        }
    }

    /// Returns how many tasks were moved on.
    async fn claim(&self, ready: Vec<(TaskId, SubtaskId)>) -> usize {
        let mut by_task: BTreeMap<TaskId, Vec<SubtaskId>> = BTreeMap::new();
        for (task, subtask) in ready {
            by_task.entry(task).or_default().push(subtask);
        }
        let claims = by_task.into_iter().map(|(task, subtasks)| async move {
            let subtasks = self.within_limit(task, subtasks).await;
            !subtasks.is_empty() && self.commit_and_start(task, Event::Claim { subtasks }).await
        });
        let moved = stream::iter(claims).buffer_unordered(PARALLEL_CLAIMS);
        moved
            .filter(|moved| std::future::ready(*moved))
            .count()
            .await
    }

    /// As many of a task's READY subtasks as its own limit lets run now, so that a commit does not read the rest.
    async fn within_limit(&self, task: TaskId, mut subtasks: Vec<SubtaskId>) -> Vec<SubtaskId> {
        if subtasks.len() > 1
            && let Ok(snapshot) = self.0.store.task(task, false).await
            && let Some(limit) = snapshot.task.options.parallel
        {
            let left = limit.saturating_sub(snapshot.task.tally.running);
            subtasks.truncate(left as usize);
        }
        subtasks
    }
}
