//! The executor: claims work, starts runs, looks for lost ones, and drains.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use slacktide_engine::{
    commit::{Claimant, Event, Refusal},
    id::{SubtaskId, TaskId},
    subtask::Subtask,
    task::Task,
};
use slacktide_store::{Assignment, Committed, Store, StoreError};
use tokio::sync::{Notify, RwLock};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    options::Options,
    recovery,
    run::{self, Commit},
    runs::{Place, Runs},
};

/// How many tasks are claimed for at a time: enough that their commits share transactions.
const PARALLEL_CLAIMS: usize = 16;

/// How long the end of a run may wait for the database. What was seen of a server is not fresh for ever: after
/// this the run is given up, found lost at a tick, and run again, from looking.
const COMMIT_LIMIT: Duration = Duration::from_secs(10);

/// How long interrupted runs have to hand themselves back.
const HAND_BACK_LIMIT: Duration = Duration::from_secs(25);

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
    /// Begins a lease under an id that no other start of any executor has. Once `drain` fires it claims no more.
    ///
    /// # Errors
    /// [`ExecutorError::Lease`].
    pub async fn begin(
        store: Store,
        id: String,
        options: Options,
        drain: CancellationToken,
    ) -> Result<Self, ExecutorError> {
        store.begin_lease(&id, &options.host, options.alone).await?;
        tracing::info!(executor = id, host = options.host, "executor began");
        let inner = Inner {
            store,
            options,
            id,
            running: Arc::default(),
            commits: RwLock::default(),
            wake: Notify::new(),
            backlog: AtomicBool::new(false),
            drain,
            tracker: TaskTracker::new(),
        };
        Ok(Self {
            worker: Worker(Arc::new(inner)),
        })
    }

    /// Works until it is told to drain, then ends or hands back what it runs and gives up its lease.
    pub async fn run(self) {
        let Self { worker } = self;
        let working = async {
            worker.claim_until_drained().await;
            worker.drain().await;
        };
        tokio::select! {
            () = working => {}
            // Goes on while the rest drains: the lease must not run out under the last runs.
            () = recovery::tick_forever(&worker) => {}
        }
        recovery::give_up_lease(&worker).await;
    }
}

/// A handle on the executor; cheap to clone.
#[derive(Clone)]
pub(crate) struct Worker(Arc<Inner>);

struct Inner {
    store: Store,
    options: Options,
    id: String,
    running: Arc<Runs>,
    /// Held for reading from a commit until its claims stand in `running`; for writing while the two are
    /// compared with the database.
    commits: RwLock<()>,
    wake: Notify,
    /// Whether READY subtasks were left for want of room.
    backlog: AtomicBool,
    /// No more is claimed once this fires.
    drain: CancellationToken,
    tracker: TaskTracker,
}

impl Worker {
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// This executor's id.
    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    /// Makes it look for work.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Interrupts all runs: each is handed back, if it still is this executor's.
    pub(crate) fn interrupt_runs(&self) {
        self.0.running.interrupt();
    }

    /// What the database says this executor runs though it does not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) async fn own_lost_runs(&self) -> Result<Vec<(TaskId, SubtaskId, i64)>, StoreError> {
        let _quiet = self.0.commits.write().await;
        let mut runs = self.0.store.runs_of(&self.0.id).await?;
        runs.retain(|(_, subtask, epoch)| !self.0.running.has(*subtask, *epoch));
        Ok(runs)
    }

    /// On whose behalf the end of a run is committed: that run's place is free again.
    pub(crate) fn claimant_after_run(&self) -> Claimant {
        self.claimant(1)
    }

    fn claimant(&self, freed: usize) -> Claimant {
        let busy = self.0.running.count().saturating_sub(freed);
        let room = match self.0.drain.is_cancelled() {
            true => 0,
            false => self.0.options.capacity.saturating_sub(busy),
        };
        Claimant {
            executor: self.0.id.clone(),
            host: self.0.options.host.clone(),
            room,
        }
    }

    async fn claim_until_drained(&self) {
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
        loop {
            // Before the room is counted: a run that ends in between then sees that there is more.
            self.0.backlog.store(true, Ordering::Relaxed);
            let room = self.claimant(0).room;
            if room == 0 {
                return;
            }
            match self.0.store.candidates(&self.0.options.host, room).await {
                Ok(candidates) => {
                    let found = candidates.ready.len() + candidates.lost.len();
                    self.0
                        .backlog
                        .store(candidates.ready.len() >= room, Ordering::Relaxed);
                    recovery::take_over(self, candidates.lost).await;
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

    /// Commits an event that claims, and starts what was claimed. Returns whether anything was committed.
    pub(crate) async fn commit_and_start(&self, task: TaskId, event: Event) -> bool {
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
        let Committed { task, claimed } = committed;
        let enter = |subtask: &Subtask| self.0.running.enter(subtask.id, subtask.epoch);
        let places = claimed.iter().map(enter).collect();
        Claims {
            task,
            subtasks: claimed,
            places,
        }
    }

    async fn start(&self, claims: Claims) {
        let Claims {
            task,
            subtasks,
            places,
        } = claims;
        if subtasks.is_empty() {
            return;
        }
        match self.0.store.assignments(task, subtasks).await {
            Ok(assignments) => {
                for (assignment, place) in assignments.into_iter().zip(places) {
                    self.spawn(assignment, place);
                }
            }
            // Their places are given up here, so the next tick finds these runs lost.
            Err(error) => tracing::warn!(%error, "cannot read what claimed subtasks work on"),
        }
    }

    fn spawn(&self, assignment: Assignment, place: Place) {
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
            .tracker
            .spawn(async move { worker.run(assignment, place).await }.instrument(span));
    }

    /// Runs a subtask, commits its end, and starts what that claimed.
    async fn run(self, assignment: Assignment, place: Place) {
        let Some(mut end) = run::act(&self, &assignment, &place.cancel).await else {
            return;
        };
        let ended = Instant::now();
        let claims = loop {
            let quiet = self.0.commits.read().await;
            match run::commit(&self, &assignment, &mut end).await {
                Commit::Done(committed) => {
                    let claims = self.enter(*committed);
                    drop(place);
                    break claims;
                }
                Commit::Again(after) if ended.elapsed() < COMMIT_LIMIT => {
                    drop(quiet);
                    tokio::time::sleep(after).await;
                }
                Commit::Dropped | Commit::Again(_) => return,
            }
        };
        self.start(claims).await;
        if self.0.backlog.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Ends or hands back what runs.
    async fn drain(&self) {
        self.0.tracker.close();
        let limit = self.0.options.drain_limit;
        let running = self.0.running.count();
        tracing::info!(running, limit_s = limit.as_secs(), "executor drains");
        if tokio::time::timeout(limit, self.0.tracker.wait())
            .await
            .is_err()
        {
            self.0.running.interrupt_for_good();
            if tokio::time::timeout(HAND_BACK_LIMIT, self.0.tracker.wait())
                .await
                .is_err()
            {
                tracing::warn!("runs could not be handed back; the next start takes them over");
            }
        }
        tracing::info!("executor drained");
    }
}

/// What a commit claimed, noted as running but not started yet. Subtasks and places go together.
struct Claims {
    task: Task,
    subtasks: Vec<Subtask>,
    places: Vec<Place>,
}
