//! Claims work, starts runs, and drains.

mod claiming;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use slacktide_engine::{
    commit::{Claimant, Event, Refusal},
    id::{SubtaskId, TaskId},
    selector::Selector,
    subtask::Subtask,
};
use slacktide_store::{Assignment, Committed, RunKey, Store, StoreError};
use tokio::sync::{Notify, RwLock};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    crash_point,
    options::Options,
    recovery::Backoff,
    run::{self, End},
    run_end::{self, Commit},
    runs::{HostRoom, Place, Runs},
};

/// How long the end of a run may wait for the database. What was seen of a server is not fresh for ever: after
/// this the run is given up, found lost at a tick, and run again, from looking.
const COMMIT_LIMIT: Duration = Duration::from_secs(10);

/// How long interrupted runs have to hand themselves back.
const HAND_BACK_LIMIT: Duration = Duration::from_secs(25);

/// A handle on the executor; cheap to clone.
#[derive(Clone)]
pub(crate) struct Worker(Arc<Inner>);

struct Inner {
    store: Store,
    options: Options,
    id: String,
    runs: Arc<Runs>,
    /// Held for reading from a commit until its claims stand in `runs`; for writing while the two are
    /// compared with the database.
    commits: RwLock<()>,
    wake: Notify,
    /// Whether READY subtasks were left for want of room.
    backlog: AtomicBool,
    /// The selectors that this executor's labels meet, as of the last tick.
    selectors: Mutex<Vec<Selector>>,
    /// When which lost run may be tried again.
    backoff: Mutex<Backoff>,
    /// No more is claimed once this fires.
    drain: CancellationToken,
    tracker: TaskTracker,
}

impl Worker {
    pub(crate) fn new(
        store: Store,
        id: String,
        options: Options,
        drain: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            options,
            id,
            runs: Arc::default(),
            commits: RwLock::default(),
            wake: Notify::new(),
            backlog: AtomicBool::new(false),
            selectors: Mutex::default(),
            backoff: Mutex::default(),
            drain,
            tracker: TaskTracker::new(),
        }))
    }

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

    /// What runs.
    pub(crate) fn runs(&self) -> &Runs {
        &self.0.runs
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.drain.is_cancelled()
    }

    /// How often a lost run of the subtask was tried before, and that it is tried now; `None` if it is too early.
    pub(crate) fn admit(&self, subtask: SubtaskId) -> Option<u32> {
        let backoff = self.0.backoff.lock();
        let mut backoff = backoff.unwrap_or_else(PoisonError::into_inner);
        backoff.admit(subtask, Instant::now())
    }

    /// What the database says this executor runs though it does not.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) async fn own_lost_runs(&self) -> Result<Vec<RunKey>, StoreError> {
        let _quiet = self.0.commits.write().await;
        let mut runs = self.0.store.runs_of(&self.0.id).await?;
        runs.retain(|(_, subtask, epoch)| !self.0.runs.has(*subtask, *epoch));
        Ok(runs)
    }

    /// Asks which selectors there are that this executor's labels meet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) async fn learn_selectors(&self) -> Result<(), StoreError> {
        let labels = &self.0.options.labels;
        if labels.labels().is_empty() {
            return Ok(());
        }
        let mut met = self.0.store.selectors().await?;
        met.retain(|selector| selector.is_met_by(labels));
        *self
            .0
            .selectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = met;
        Ok(())
    }

    fn selectors(&self) -> Vec<Selector> {
        let selectors = self.0.selectors.lock();
        selectors.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many more runs there is room for, when the run that `ending` names is over.
    fn room(&self, ending: Option<SubtaskId>) -> usize {
        let busy = self
            .0
            .runs
            .count()
            .saturating_sub(usize::from(ending.is_some()));
        match self.is_draining() {
            true => 0,
            false => self.0.options.capacity.saturating_sub(busy),
        }
    }

    /// On whose behalf a commit is made, when the run that `ending` names is over. Room on the host is kept until
    /// what was claimed has its places.
    fn claimant(&self, ending: Option<SubtaskId>) -> (Claimant, Option<HostRoom>) {
        let options = &self.0.options;
        let limit = (options.per_host > 0).then_some(options.per_host);
        let kept = limit.map(|limit| self.0.runs.reserve(limit, ending));
        let claimant = Claimant {
            executor: self.0.id.clone(),
            host: options.host.clone(),
            labels: options.labels.clone(),
            room: self.room(ending),
            host_room: kept.as_ref().map_or(usize::MAX, |kept| kept.room),
        };
        (claimant, kept)
    }

    /// Commits an event that claims, and starts what was claimed. Returns whether anything was committed.
    pub(crate) async fn commit_and_start(&self, task: TaskId, event: Event) -> bool {
        let quiet = self.0.commits.read().await;
        let (claimant, kept) = self.claimant(None);
        match self.0.store.commit(task, event, claimant, None).await {
            Ok(committed) => {
                crash_point::reached("after-claim").await;
                run_end::observe_task(&committed);
                let places = self.enter(&committed);
                drop((kept, quiet));
                self.start(committed, places);
                true
            }
            // Somebody else was faster.
            Err(
                StoreError::Refused(Refusal::NothingToClaim | Refusal::Stale { .. })
                | StoreError::NotFound { .. },
            ) => false,
            Err(error) => {
                tracing::warn!(%task, %error, "cannot commit on a task, trying again at the next tick");
                false
            }
        }
    }

    /// Notes what a commit claimed, before anybody can miss it.
    fn enter(&self, committed: &Committed) -> Vec<Place> {
        let enter = |subtask: &Subtask| self.0.runs.enter(subtask);
        committed.claimed.iter().map(enter).collect()
    }

    fn start(&self, committed: Committed, places: Vec<Place>) {
        match committed.into_assignments() {
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
        let Some(end) = run::act(&self, &assignment, &place).await else {
            return;
        };
        let ended = Instant::now();
        let (store, id) = (&self.0.store, assignment.subtask.id);
        let (committed, places) = loop {
            let quiet = self.0.commits.read().await;
            let (claimant, kept) = self.claimant(Some(id));
            match run_end::commit(store, &assignment, &end, claimant).await {
                Commit::Done(committed) => {
                    let places = self.enter(&committed);
                    drop((place, kept));
                    break (committed, places);
                }
                Commit::Again(after) if ended.elapsed() < COMMIT_LIMIT => {
                    drop((kept, quiet));
                    tokio::time::sleep(after).await;
                }
                Commit::Dropped | Commit::Again(_) => return,
            }
        };
        let task = &committed.task;
        let limited = task.options.parallel.is_some() || self.0.options.per_host > 0;
        let left = limited && task.tally.active > task.tally.running;
        self.start(*committed, places);
        if left || self.0.backlog.load(Ordering::Relaxed) {
            self.wake();
        }
        self.wake_when_due(&assignment, &end).await;
    }

    /// A run that failed for what may pass runs again by itself soon: looks for it then.
    async fn wake_when_due(&self, assignment: &Assignment, end: &End) {
        let Some(wait) = run_end::wait_before_next(&self.0.store, assignment, end).await else {
            return;
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => self.wake(),
            () = self.0.drain.cancelled() => {}
        }
    }

    /// Ends or hands back what runs.
    pub(crate) async fn drain(&self) {
        self.0.tracker.close();
        let limit = self.0.options.drain_limit;
        let running = self.0.runs.count();
        tracing::info!(running, limit_s = limit.as_secs(), "executor drains");
        if tokio::time::timeout(limit, self.0.tracker.wait())
            .await
            .is_err()
        {
            self.0.runs.interrupt_for_good();
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
