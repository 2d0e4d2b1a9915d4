//! The executor: claims work, starts runs, looks for lost ones, and drains.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use futures::{StreamExt, stream};
use slacktide_engine::{
    commit::{Claimant, Event, Refusal},
    fence::Fence,
    id::{SubtaskId, TaskId},
    kind::SubtaskKind,
    subtask::Subtask,
    task::Task,
};
use slacktide_store::{Assignment, Committed, Executor as Lease, Store, StoreError};
use tokio::sync::{Notify, RwLock};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    driver::Host,
    lease::LeaseWatch,
    options::Options,
    run::{self, Commit},
};

/// How many tasks are claimed for at a time: enough that their commits share transactions.
const PARALLEL_CLAIMS: usize = 16;

/// Why an executor could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// Its lease could not be written.
    #[error("the executor cannot begin its lease")]
    Lease(#[from] StoreError),
}

/// An executor with a lease.
pub struct Executor {
    worker: Worker,
}

impl Executor {
    /// Begins a lease under an id that no other start of any executor has.
    ///
    /// # Errors
    /// [`ExecutorError::Lease`].
    pub async fn begin(store: Store, id: String, options: Options) -> Result<Self, ExecutorError> {
        store.begin_lease(&id, &options.host, options.alone).await?;
        tracing::info!(executor = id, host = options.host, "executor began");
        let inner = Inner {
            store,
            options,
            id,
            running: Mutex::default(),
            commits: RwLock::default(),
            wake: Notify::new(),
            backlog: AtomicBool::new(false),
            draining: CancellationToken::new(),
            runs: TaskTracker::new(),
        };
        Ok(Self {
            worker: Worker(Arc::new(inner)),
        })
    }

    /// Works until `drain` is cancelled, then ends or hands back what it runs and gives up its lease.
    pub async fn run(self, drain: CancellationToken) {
        let Self { worker } = self;
        let working = async {
            worker.claim_until(&drain).await;
            worker.drain().await;
        };
        tokio::select! {
            () = working => {}
            // Goes on while the rest drains: the lease must not run out under the last runs.
            () = worker.tick_forever() => {}
        }
        worker.give_up_lease().await;
    }
}

/// A handle on the executor; cheap to clone.
#[derive(Clone)]
pub(crate) struct Worker(Arc<Inner>);

struct Inner {
    store: Store,
    options: Options,
    id: String,
    running: Mutex<HashMap<SubtaskId, Running>>,
    /// Held for reading from a commit until its claims stand in `running`; for writing while the two are
    /// compared with the database.
    commits: RwLock<()>,
    wake: Notify,
    /// Whether READY subtasks were left for want of room.
    backlog: AtomicBool,
    draining: CancellationToken,
    runs: TaskTracker,
}

struct Running {
    epoch: i64,
    cancel: CancellationToken,
}

impl Worker {
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// On whose behalf the end of a run is committed: that run's place is free again.
    pub(crate) fn claimant_after_run(&self) -> Claimant {
        self.claimant(1)
    }

    fn claimant(&self, freed: usize) -> Claimant {
        let busy = self.running().len().saturating_sub(freed);
        let room = match self.0.draining.is_cancelled() {
            true => 0,
            false => self.0.options.capacity.saturating_sub(busy),
        };
        Claimant {
            executor: self.0.id.clone(),
            host: self.0.options.host.clone(),
            room,
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<SubtaskId, Running>> {
        self.0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn claim_until(&self, drain: &CancellationToken) {
        loop {
            tokio::select! {
                () = drain.cancelled() => return,
                () = self.0.store.signals().work() => {}
                () = self.0.wake.notified() => {}
            }
            self.claim_all().await;
        }
    }

    /// The floor under all signals; also renews the lease and looks for what was lost.
    async fn tick_forever(&self) {
        let mut watch = LeaseWatch::new(self.0.options.lease_ttl);
        let mut ticks = tokio::time::interval(self.0.options.tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut renewed = Instant::now();
        loop {
            ticks.tick().await;
            match self.tick(&mut watch).await {
                Ok(()) => renewed = Instant::now(),
                Err(error) => {
                    tracing::warn!(%error, "the executor cannot reach the database, trying again");
                    watch.forget();
                }
            }
            let age = renewed.elapsed();
            slacktide_telemetry::metrics::set_lease(age < self.0.options.lease_ttl, age);
            self.0.wake.notify_one();
        }
    }

    async fn tick(&self, watch: &mut LeaseWatch) -> Result<(), StoreError> {
        let store = &self.0.store;
        if !store.renew_lease(&self.0.id).await? {
            self.lose_lease().await?;
        }
        let leases = store.leases().await?;
        let others = leases
            .into_iter()
            .filter(|lease| lease.id != self.0.id)
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
        slacktide_telemetry::metrics::set_queue_depth(depth.ready, depth.running);
        self.recover_own().await
    }

    /// Somebody took the lease away: what runs here may be running elsewhere already. Everything is let go,
    /// and found again like any lost run.
    async fn lose_lease(&self) -> Result<(), StoreError> {
        tracing::warn!(
            "this executor's lease was taken away; it lets go of its runs and begins again"
        );
        for run in self.running().values() {
            run.cancel.cancel();
        }
        self.0
            .store
            .begin_lease(&self.0.id, &self.0.options.host, false)
            .await
    }

    /// Runs again, from looking, what the database says this executor runs though it does not: the answer to
    /// a commit was lost, or a run panicked.
    async fn recover_own(&self) -> Result<(), StoreError> {
        let mut lost = Vec::new();
        {
            let _quiet = self.0.commits.write().await;
            let runs = self.0.store.runs_of(&self.0.id).await?;
            let running = self.running();
            for (task, subtask, epoch) in runs {
                if running
                    .get(&subtask)
                    .is_none_or(|known| known.epoch != epoch)
                {
                    lost.push((task, subtask, epoch));
                }
            }
        }
        if !lost.is_empty() {
            tracing::warn!(
                runs = lost.len(),
                "runs of this executor were lost, running them again"
            );
            self.take_over(lost).await;
        }
        Ok(())
    }

    /// Claims until nothing is left, or no room for it.
    async fn claim_all(&self) {
        loop {
            let room = self.claimant(0).room;
            if room == 0 {
                self.0.backlog.store(true, Ordering::Relaxed);
                return;
            }
            match self.0.store.candidates(&self.0.options.host, room).await {
                Ok(candidates) => {
                    let found = candidates.ready.len() + candidates.lost.len();
                    self.0
                        .backlog
                        .store(candidates.ready.len() >= room, Ordering::Relaxed);
                    self.take_over(candidates.lost).await;
                    let claimed = self.claim(candidates.ready).await;
                    if found < room || claimed == 0 {
                        return;
                    }
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
            self.commit_and_start(task, Event::Claim { subtasks }).await
        });
        let moved = stream::iter(claims).buffer_unordered(PARALLEL_CLAIMS);
        moved
            .filter(|moved| std::future::ready(*moved))
            .count()
            .await
    }

    /// Takes over runs whose executor is gone. Their hosts are fenced first: whoever had them sends nothing more.
    async fn take_over(&self, lost: Vec<(TaskId, SubtaskId, i64)>) {
        let mut by_task: BTreeMap<TaskId, Vec<(SubtaskId, i64)>> = BTreeMap::new();
        for (task, subtask, epoch) in lost {
            if let Err(error) = self.fence(task, subtask, epoch).await {
                tracing::warn!(%task, %subtask, error, "cannot fence a lost run, trying again at the next tick");
                continue;
            }
            by_task.entry(task).or_default().push((subtask, epoch));
        }
        for (task, runs) in by_task {
            self.commit_and_start(task, Event::TakeOver { runs }).await;
        }
    }

    async fn fence(&self, task: TaskId, subtask: SubtaskId, epoch: i64) -> Result<(), String> {
        let read = async {
            let subtask = self.0.store.subtask(task, subtask).await?;
            if subtask.kind != SubtaskKind::StopObserverProcess {
                return Ok(Vec::new());
            }
            let task = self.0.store.task(task, false).await?.task;
            self.0.store.assignments(task, vec![subtask]).await
        };
        let assignments: Vec<Assignment> =
            read.await.map_err(|error: StoreError| error.to_string())?;
        for assignment in assignments {
            // One above the lost run: whatever epoch the takeover gets is at least that.
            let fence = Fence {
                generation: assignment.task.generation,
                epoch: epoch + 1,
            };
            for server in &assignment.servers {
                Host::of(server, &self.0.options).raise_fence(fence).await?;
            }
        }
        Ok(())
    }

    /// Commits an event that claims, and starts what was claimed. Returns whether anything was committed.
    async fn commit_and_start(&self, task: TaskId, event: Event) -> bool {
        let quiet = self.0.commits.read().await;
        match self
            .0
            .store
            .commit(task, event, self.claimant(0), None)
            .await
        {
            Ok(committed) => {
                run::observe_task(&committed);
                let started = self.enter(committed);
                drop(quiet);
                self.start(started).await;
                true
            }
            Err(StoreError::Refused(Refusal::NothingToClaim) | StoreError::NotFound { .. }) => {
                false
            }
            Err(error) => {
                tracing::warn!(%task, %error, "cannot claim subtasks, trying again at the next tick");
                false
            }
        }
    }

    /// Notes what a commit claimed, before anybody can miss it.
    fn enter(&self, committed: Committed) -> Claims {
        let mut running = self.running();
        let subtasks = committed.claimed.into_iter().map(|subtask| {
            let cancel = CancellationToken::new();
            let entry = Running {
                epoch: subtask.epoch,
                cancel: cancel.clone(),
            };
            running.insert(subtask.id, entry);
            (subtask, cancel)
        });
        Claims {
            task: committed.task,
            subtasks: subtasks.collect(),
        }
    }

    async fn start(&self, claims: Claims) {
        let Claims { task, subtasks } = claims;
        if subtasks.is_empty() {
            return;
        }
        let mut cancels: HashMap<_, _> = subtasks
            .iter()
            .map(|(subtask, cancel)| (subtask.id, cancel.clone()))
            .collect();
        let claimed: Vec<Subtask> = subtasks.into_iter().map(|(subtask, _)| subtask).collect();
        let ids: Vec<_> = claimed.iter().map(|subtask| subtask.id).collect();
        match self.0.store.assignments(task, claimed).await {
            Ok(assignments) => {
                for assignment in assignments {
                    if let Some(cancel) = cancels.remove(&assignment.subtask.id) {
                        self.spawn(assignment, cancel);
                    }
                }
            }
            Err(error) => {
                // Forgotten here, they are found again at the next tick, as runs that were lost.
                tracing::warn!(%error, "cannot read what claimed subtasks work on");
                let mut running = self.running();
                ids.iter().for_each(|id| drop(running.remove(id)));
            }
        }
    }

    fn spawn(&self, assignment: Assignment, cancel: CancellationToken) {
        let subtask = &assignment.subtask;
        let span = slacktide_telemetry::trace::run_span(
            assignment.task.traceparent.as_deref(),
            subtask.task.0,
            subtask.id.0,
            subtask.kind.name(),
            subtask.epoch,
        );
        let worker = self.clone();
        self.0
            .runs
            .spawn(async move { worker.run(assignment, cancel).await }.instrument(span));
    }

    /// Runs a subtask, commits its end, and starts what that claimed.
    async fn run(self, assignment: Assignment, cancel: CancellationToken) {
        let place = Place {
            worker: &self,
            id: assignment.subtask.id,
        };
        let Some(mut end) = run::act(&self, &assignment, &cancel).await else {
            return;
        };
        let claims = loop {
            let quiet = self.0.commits.read().await;
            match run::commit(&self, &assignment, &mut end).await {
                Commit::Done(committed) => {
                    let claims = self.enter(*committed);
                    drop(place);
                    break claims;
                }
                Commit::Dropped => return,
                Commit::Again(after) => {
                    drop(quiet);
                    tokio::time::sleep(after).await;
                }
            }
        };
        self.start(claims).await;
        if self.0.backlog.load(Ordering::Relaxed) {
            self.0.wake.notify_one();
        }
    }

    /// Ends or hands back what runs.
    async fn drain(&self) {
        self.0.draining.cancel();
        self.0.runs.close();
        let limit = self.0.options.drain_limit;
        let running = self.running().len();
        tracing::info!(running, limit_s = limit.as_secs(), "executor drains");
        if tokio::time::timeout(limit, self.0.runs.wait())
            .await
            .is_err()
        {
            for run in self.running().values() {
                run.cancel.cancel();
            }
            self.0.runs.wait().await;
        }
        tracing::info!("executor drained");
    }

    async fn give_up_lease(&self) {
        let giving_up = async {
            let leases: Vec<Lease> = self.0.store.leases().await?;
            for own in leases.iter().filter(|lease| lease.id == self.0.id) {
                self.0.store.end_lease(own).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = giving_up.await {
            tracing::warn!(%error, "the lease could not be given up; it runs out by itself");
        }
    }
}

/// What a commit claimed, noted as running but not started yet.
struct Claims {
    task: Task,
    subtasks: Vec<(Subtask, CancellationToken)>,
}

/// A run's place among those that run. Given up however the run ends, a panic included: then the next tick
/// finds the run lost and runs it again.
struct Place<'a> {
    worker: &'a Worker,
    id: SubtaskId,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.worker.running().remove(&self.id);
    }
}
