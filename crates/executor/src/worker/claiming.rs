//! Looks for READY subtasks and claims them, within what this executor has room for. Takes lost runs over, which have
//! room of their own: they were begun before, and somebody waits for them.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, atomic::Ordering},
    time::Instant,
};

use futures::{StreamExt, stream};
use slacktide_engine::{
    commit::{Claimant, Event, Refusal},
    id::{SubtaskId, TaskId},
};
use slacktide_store::{RunKey, StoreError, Work};

use super::Worker;
use crate::{crash_point, recovery};

/// How many tasks are claimed for at a time: enough that their commits share transactions.
const PARALLEL_CLAIMS: usize = 128;

/// How many READY subtasks are looked through at most for one that can be had.
const MOST_CANDIDATES: usize = 16_384;

impl Worker {
    /// Claims whenever there may be something to claim.
    pub(crate) async fn claim_until_drained(&self) {
        loop {
            let work = tokio::select! {
                () = self.0.drain.cancelled() => return,
                work = self.0.store.signals().work() => work,
                () = self.0.wake.notified() => Work::Anything,
            };
            match work {
                // They are claimed without looking for them.
                Work::Accepted(first) if first.len() <= self.room(None) => {
                    self.claim(first).await;
                }
                Work::Accepted(_) | Work::Anything => self.claim_all().await,
            }
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

    /// Runs whose executors are gone, as many as this one may have.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) async fn lost_runs(&self) -> Result<Vec<RunKey>, StoreError> {
        let room = self.room_for_lost();
        if room == 0 {
            return Ok(Vec::new());
        }
        let (store, host) = (&self.0.store, &self.0.options.host);
        store.lost(host, &self.selectors(), room).await
    }

    /// Takes over lost runs without holding up what is claimed: a host may be slow to be fenced.
    pub(crate) fn take_over_elsewhere(&self, lost: Vec<RunKey>) {
        if !lost.is_empty() {
            let worker = self.clone();
            self.beside(async move { recovery::take_over(&worker, lost).await });
        }
    }

    /// Does something that a drain waits for, as it does for runs.
    pub(crate) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tracker.spawn(work);
    }

    /// Takes over lost runs of one task, whose hosts are fenced. Returns those that this executor has now.
    pub(crate) async fn take_over(
        &self,
        task: TaskId,
        runs: &[(SubtaskId, i64)],
    ) -> Vec<SubtaskId> {
        let quiet = self.0.commits.read().await;
        let (claimant, _) = self.claimant(None);
        let claimant = Claimant {
            room: self.room_for_lost(),
            // They were on the host already.
            host_room: usize::MAX,
            ..claimant
        };
        let event = Event::TakeOver {
            runs: runs.to_vec(),
        };
        match self.0.store.commit(task, event, claimant, None).await {
            Ok(committed) => {
                crash_point::reached("after-claim").await;
                let places = self.enter(&committed);
                drop(quiet);
                let taken = committed.claimed.iter().map(|subtask| subtask.id).collect();
                self.start(committed, places);
                taken
            }
            Err(StoreError::Refused(Refusal::NothingToClaim) | StoreError::NotFound { .. }) => {
                Vec::new()
            }
            Err(error) => {
                tracing::warn!(%task, %error, "cannot take over lost runs, trying again at the next tick");
                Vec::new()
            }
        }
    }

    /// As much again as the capacity is kept for what others have lost, so that no load of READY work keeps it
    /// waiting. It is paid back: nothing READY is claimed until there are fewer runs than the capacity.
    fn room_for_lost(&self) -> usize {
        let most = self.0.options.capacity.saturating_mul(2);
        match self.is_draining() {
            true => 0,
            false => most.saturating_sub(self.0.runs.count()),
        }
    }

    /// The attempt on a lost run failed, or took it over: see [`recovery::Backoff::count`].
    pub(crate) fn count(&self, subtask: SubtaskId) {
        self.backoff(|backoff| backoff.count(subtask, Instant::now()));
    }

    /// The attempt on a lost run came to nothing: see [`recovery::Backoff::spare`].
    pub(crate) fn spare(&self, subtask: SubtaskId) {
        self.backoff(|backoff| backoff.spare(subtask, Instant::now()));
    }

    fn backoff(&self, change: impl FnOnce(&mut recovery::Backoff)) {
        let backoff = self.0.backoff.lock();
        change(&mut backoff.unwrap_or_else(PoisonError::into_inner));
    }
}
