//! The news desk: reads what changes of any task once, for all who watch.
//!
//! It works while anybody watches. It tells through a bounded ring; a watcher that falls behind looks by itself.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use slacktide_engine::{
    id::{ClusterId, TaskId},
    time::Micros,
};
use slacktide_store::{Store, StoreError, TaskNews, TaskSnapshot, clock};
use tokio::sync::broadcast::{self, error::TryRecvError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::TICK;

/// How many tasks a watcher may fall behind before it looks by itself.
const RING: usize = 256;

/// How many tasks that signals name are read one by one.
const FEW: usize = 32;

/// How long the desk lets watchers take what it told before it tells more: changes in between come together.
const PAUSE: Duration = Duration::from_millis(20);

/// How far another process's clock may be behind. What changed that long before the last look is looked at
/// again.
const SKEW: Duration = Duration::from_secs(5);

/// A task that changed, as it was when it was read.
#[derive(Clone)]
pub(super) struct News {
    pub(super) found: Arc<TaskSnapshot>,
    pub(super) read: Instant,
}

/// The news desk. It works while anybody watches.
#[derive(Clone)]
pub(in crate::grpc) struct AllTasks(Arc<Shared>);

struct Shared {
    store: Store,
    drain: CancellationToken,
    running: TaskTracker,
    news: Mutex<Option<broadcast::Sender<News>>>,
}

impl AllTasks {
    pub(in crate::grpc) fn new(store: Store, drain: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            store,
            drain,
            running: TaskTracker::new(),
            news: Mutex::default(),
        }))
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.drain.is_cancelled()
    }

    /// Follows what changes from now on. The feed closes when the server drains, after it has told all that was
    /// committed before, and when the database fails.
    pub(super) fn follow(&self) -> broadcast::Receiver<News> {
        let mut news = self.0.lock();
        if let Some(news) = &*news {
            return news.subscribe();
        }
        let (sender, first_watcher) = broadcast::channel(RING);
        *news = Some(sender.clone());
        // A desk that cannot be spawned any more is dropped here, and that takes the lock.
        drop(news);
        let desk = Desk {
            shared: Arc::clone(&self.0),
            news: sender,
            signals: self.0.store.signals().tasks(),
            named: HashSet::new(),
            look: false,
            told: HashMap::new(),
            since: clock::now(),
        };
        self.0.running.spawn(desk.run());
        first_watcher
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<broadcast::Sender<News>>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Desk {
    shared: Arc<Shared>,
    news: broadcast::Sender<News>,
    signals: broadcast::Receiver<TaskNews>,
    /// Tasks that signals named.
    named: HashSet<TaskId>,
    /// Whether any task may have changed.
    look: bool,
    /// The last revisions of what changed lately, with their times.
    told: HashMap<TaskId, (i64, Micros)>,
    /// Everything that changed before was told, or happened before anybody watched.
    since: Micros,
}

impl Desk {
    async fn run(mut self) {
        if let Err(error) = self.tell_until_left().await {
            // Each watcher looks for itself now, and tells its client what it meets.
            tracing::debug!(%error, "the feed of all tasks ended early");
        }
    }

    async fn tell_until_left(&mut self) -> Result<(), StoreError> {
        let began = self.since;
        for found in changed_since(&self.shared.store, None, began).await? {
            if found.task.last_time < began {
                self.note(&found);
            } else {
                self.tell(found);
            }
        }
        loop {
            // Asked before the read: what was committed before the drain is still told.
            let draining = self.shared.drain.is_cancelled();
            self.tell_changes().await?;
            if draining {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
            let changed = tokio::select! {
                () = self.shared.drain.cancelled() => None,
                () = self.news.closed() => None,
                changed = self.signals.recv() => changed.ok(),
                () = tokio::time::sleep(TICK) => None,
            };
            self.note_signal(changed);
            if self.is_left() {
                return Ok(());
            }
        }
    }

    /// Reads what signals named, or whatever changed where they do not say all.
    async fn tell_changes(&mut self) -> Result<(), StoreError> {
        loop {
            match self.signals.try_recv() {
                Ok(changed) => self.note_signal(Some(changed)),
                Err(TryRecvError::Lagged(_)) => self.note_signal(None),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let named = mem::take(&mut self.named);
        let many = named.len() > FEW;
        if mem::take(&mut self.look) || many {
            for found in changed_since(&self.shared.store, None, self.since).await? {
                self.tell(found);
            }
            let forgotten = minus(self.since, SKEW);
            self.told.retain(|_, (_, time)| *time >= forgotten);
        }
        for id in named.into_iter().filter(|_| !many) {
            match self.shared.store.task(id, false).await {
                Ok(found) => self.tell(found),
                // Deleted since, as old tasks are.
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn note_signal(&mut self, signal: Option<TaskNews>) {
        match signal {
            Some(TaskNews::Changed(task, _)) => {
                self.named.insert(task);
            }
            Some(TaskNews::Missed) | None => self.look = true,
        }
    }

    fn tell(&mut self, found: TaskSnapshot) {
        if self.note(&found) {
            // Told to nobody if all watchers have left in between.
            let _ = self.news.send(News {
                found: Arc::new(found),
                read: Instant::now(),
            });
        }
    }

    /// Whether the task changed since it was told last.
    fn note(&mut self, found: &TaskSnapshot) -> bool {
        let (id, revision, time) = (found.task.id, found.task.revision, found.task.last_time);
        self.since = self.since.max(time);
        let before = self.told.insert(id, (revision, time));
        before.is_none_or(|(before, _)| before < revision)
    }

    /// Lets go of the desk if its last watcher has left. Under the lock, under which others join.
    fn is_left(&self) -> bool {
        let mut news = self.shared.lock();
        let left = self.news.receiver_count() == 0;
        if left {
            *news = None;
        }
        left
    }
}

/// However the desk closes: whoever watches sees it closed, and whoever comes opens another.
impl Drop for Desk {
    fn drop(&mut self) {
        let mut news = self.shared.lock();
        let own = news.as_ref();
        if own.is_some_and(|news| news.same_channel(&self.news)) {
            *news = None;
        }
    }
}

/// The tasks that changed since some moment, and a little before, in the order of their changes.
pub(super) async fn changed_since(
    store: &Store,
    cluster: Option<ClusterId>,
    since: Micros,
) -> Result<Vec<TaskSnapshot>, StoreError> {
    store.tasks_changed_since(cluster, minus(since, SKEW)).await
}

fn minus(time: Micros, earlier: Duration) -> Micros {
    Micros(time.0 - i64::try_from(earlier.as_micros()).unwrap_or(i64::MAX))
}
