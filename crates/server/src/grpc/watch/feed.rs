//! One feed a task: it reads what is committed once, for all who watch the task.
//!
//! A feed begins with its first watcher and ends with its last. It tells through a bounded ring; a watcher
//! that falls behind the ring, or finds a gap before it, reads from the store by itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use slacktide_api::v1::{TaskChange, TaskChanges};
use slacktide_engine::{
    id::TaskId,
    revision::{Changed, Revision},
    status::TaskStatus,
};
use slacktide_store::{Store, StoreError};
use tokio::sync::{broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::TICK;
use crate::{app::AppError, grpc::convert::task::change};

/// How many messages a watcher may fall behind before it reads from the store.
const RING: usize = 32;

/// How many changes one message has. With [`RING`], bounds what a slow watcher keeps in memory.
const BATCH: usize = 500;

/// How long a feed lets its watchers take what it told before it tells more, by watcher: commits in between
/// come together. Many watchers would else fall behind the ring, each to read by itself.
const PACE: Duration = Duration::from_micros(2);

/// The shortest pause that is worth its timer.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// Changes that follow each other, encoded once for all who are sent them: that is most of what telling costs.
#[derive(Clone)]
pub(super) struct Batch {
    /// Revision of the first.
    pub(super) first: i64,
    /// Revision of the last.
    pub(super) last: i64,
    pub(super) changes: TaskChanges,
}

impl Batch {
    /// None of no changes.
    fn of(changes: &[TaskChange]) -> Option<Self> {
        Some(Self {
            first: changes.first()?.revision,
            last: changes.last()?.revision,
            changes: TaskChanges::encoded(changes),
        })
    }
}

/// What a feed tells.
#[derive(Clone)]
pub(super) enum News {
    /// Changes.
    Changes(Batch),
    /// The task stands at this revision: whoever has not seen it all has missed something.
    Stands {
        /// The revision.
        revision: i64,
        /// Whether the task is FAILED or SUCCESSFUL.
        ended: bool,
    },
}

/// The feeds of all tasks that are watched.
#[derive(Clone)]
pub(in crate::grpc) struct Feeds(Arc<Shared>);

struct Shared {
    store: Store,
    drain: CancellationToken,
    running: TaskTracker,
    feeds: Mutex<HashMap<TaskId, broadcast::Sender<News>>>,
}

impl Feeds {
    pub(in crate::grpc) fn new(store: Store, drain: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            store,
            drain,
            running: TaskTracker::new(),
            feeds: Mutex::default(),
        }))
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.drain.is_cancelled()
    }

    /// Follows a task's feed. Follow before reading: what is committed after the read is then told. The feed
    /// closes when the server drains, after it has told all that was committed before, and when the database
    /// fails.
    pub(super) fn follow(&self, task: TaskId) -> broadcast::Receiver<News> {
        let mut feeds = self.0.lock();
        if let Some(feed) = feeds.get(&task) {
            return feed.subscribe();
        }
        let (news, first_watcher) = broadcast::channel(RING);
        feeds.insert(task, news.clone());
        let feed = Feed {
            shared: Arc::clone(&self.0),
            task,
            commits: self.0.store.signals().task(task),
            news,
            told: 0,
            status: TaskStatus::Running,
        };
        // A feed that cannot be spawned any more is dropped here, and that takes the lock.
        drop(feeds);
        self.0.running.spawn(feed.run());
        first_watcher
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, broadcast::Sender<News>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Feed {
    shared: Arc<Shared>,
    task: TaskId,
    commits: watch::Receiver<i64>,
    news: broadcast::Sender<News>,
    /// The last revision told, or where the task stood when the feed began; 0 before that is known.
    told: i64,
    /// The task's status as of that revision.
    status: TaskStatus,
}

impl Feed {
    async fn run(mut self) {
        if let Err(error) = self.tell_until_left().await {
            // Each watcher reads for itself now, and tells its client what it meets.
            tracing::debug!(task_id = self.task.0, %error, "a feed ended early");
        }
    }

    async fn tell_until_left(&mut self) -> Result<(), AppError> {
        self.tell_where_it_stands().await?;
        loop {
            // Asked before the read: what was committed before the drain is still told.
            let draining = self.shared.drain.is_cancelled();
            self.tell_changes().await?;
            if draining {
                return Ok(());
            }
            self.pause().await;
            tokio::select! {
                () = self.shared.drain.cancelled() => {}
                () = next_commit(&mut self.commits) => {}
                () = self.news.closed() => {}
                () = tokio::time::sleep(TICK) => {}
            }
            if self.is_left() {
                return Ok(());
            }
        }
    }

    async fn tell_changes(&mut self) -> Result<(), AppError> {
        let before = self.told;
        loop {
            let revisions = self.shared.store.revisions(self.task, self.told).await?;
            let Some(last) = revisions.last() else {
                break;
            };
            let last = last.number;
            for revision in &revisions {
                if let Changed::Task(state) = &revision.what {
                    self.status = state.status;
                }
            }
            for batch in batches(self.task, self.told, revisions)? {
                self.tell(News::Changes(batch));
            }
            self.told = last;
        }
        if self.told > before && self.status != TaskStatus::Running {
            self.tell_where_it_stands().await?;
        }
        Ok(())
    }

    /// The row is asked: a task that ended may have gone on since.
    async fn tell_where_it_stands(&mut self) -> Result<(), StoreError> {
        let task = self.shared.store.task(self.task, false).await?.task;
        if self.told == 0 {
            (self.told, self.status) = (task.revision, task.state.status);
        }
        self.tell(News::Stands {
            revision: task.revision,
            ended: task.state.status != TaskStatus::Running,
        });
        Ok(())
    }

    /// Told to nobody if all watchers have left in between.
    fn tell(&self, news: News) {
        let _ = self.news.send(news);
    }

    async fn pause(&self) {
        let watchers = u32::try_from(self.news.receiver_count()).unwrap_or(u32::MAX);
        let pause = PACE.saturating_mul(watchers);
        if pause >= SHORTEST_PAUSE {
            tokio::time::sleep(pause).await;
        }
    }

    /// Lets go of the feed if its last watcher has left. Under the lock, under which others join.
    fn is_left(&self) -> bool {
        let mut feeds = self.shared.lock();
        let left = self.news.receiver_count() == 0;
        if left {
            feeds.remove(&self.task);
        }
        left
    }
}

/// However a feed ends: whoever watches sees it closed, and whoever comes begins another.
impl Drop for Feed {
    fn drop(&mut self) {
        let mut feeds = self.shared.lock();
        let own = feeds.get(&self.task);
        if own.is_some_and(|news| news.same_channel(&self.news)) {
            feeds.remove(&self.task);
        }
    }
}

/// Revisions that follow `told`, as messages.
pub(super) fn batches(
    task: TaskId,
    told: i64,
    revisions: Vec<Revision>,
) -> Result<Vec<Batch>, AppError> {
    for (expected, revision) in (told + 1..).zip(&revisions) {
        let found = revision.number;
        if found != expected {
            let gap = format!("task {task}: revision {found} where {expected} was due");
            return Err(AppError::Internal(gap));
        }
    }
    let changes: Vec<_> = revisions.into_iter().map(change).collect();
    Ok(changes.chunks(BATCH).filter_map(Batch::of).collect())
}

/// Waits for a commit on the task; for ever if nobody will tell of one.
async fn next_commit(commits: &mut watch::Receiver<i64>) {
    if commits.changed().await.is_err() {
        std::future::pending().await
    }
}
