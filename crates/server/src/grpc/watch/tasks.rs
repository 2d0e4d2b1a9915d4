//! `WatchTasks`: the RUNNING tasks, then every task that changes, as it is then.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use slacktide_api::v1::WatchTasksResponse;
use slacktide_engine::{
    id::{ClusterId, TaskId},
    status::TaskStatus,
    time::Micros,
};
use slacktide_store::{Order, Page, Store, StoreError, TaskFilter, TaskSnapshot, clock};
use tokio::sync::broadcast::{self, error::RecvError};

use super::desk::{AllTasks, News, changed_since};
use crate::{
    app::AppError,
    auth::Caller,
    grpc::{
        convert::task,
        stream::{Source, Told, told},
    },
};

/// One watcher.
struct Watch {
    desk: AllTasks,
    news: broadcast::Receiver<News>,
    cluster: Option<ClusterId>,
    caller: Caller,
    /// What was read and is still to be sent.
    unsent: VecDeque<WatchTasksResponse>,
    /// When the last look of its own began and ended, and the revisions that it saw. News from before is old;
    /// news from between may be.
    looked: (Instant, Instant),
    seen: HashMap<TaskId, i64>,
    /// The time of the last change that was sent.
    since: Micros,
}

/// Watches all tasks, or those of one cluster, that the caller may read. Never ends by itself.
pub(in crate::grpc) async fn watch_tasks(
    desk: &AllTasks,
    cluster: Option<ClusterId>,
    caller: Caller,
) -> Result<Told<WatchTasksResponse>, AppError> {
    let store = desk.store();
    if let Some(cluster) = cluster {
        // One that is unknown would be watched for nothing.
        store.cluster(cluster).await?;
    }
    let since = clock::now();
    // Before looking: what changes between the two is then told.
    let news = desk.follow();
    let began = Instant::now();
    let running = running(store, cluster).await?;
    let mut watch = Watch {
        desk: desk.clone(),
        news,
        cluster,
        caller,
        unsent: VecDeque::new(),
        looked: (began, Instant::now()),
        seen: HashMap::new(),
        since,
    };
    for found in &running {
        watch.take(found);
    }
    Ok(told(watch))
}

impl Source for Watch {
    type Message = WatchTasksResponse;

    async fn next(&mut self) -> Result<Option<WatchTasksResponse>, AppError> {
        loop {
            if let Some(message) = self.unsent.pop_front() {
                return Ok(Some(message));
            }
            match self.news.recv().await {
                Ok(News { found, read }) => self.hear(&found, read),
                Err(RecvError::Lagged(_)) => Box::pin(self.look()).await?,
                Err(RecvError::Closed) if self.desk.is_draining() => {
                    return Err(AppError::Draining);
                }
                Err(RecvError::Closed) => {
                    self.news = self.desk.follow();
                    Box::pin(self.look()).await?;
                }
            }
        }
    }
}

impl Watch {
    fn hear(&mut self, found: &TaskSnapshot, read: Instant) {
        let (began, ended) = self.looked;
        if read < began {
            return;
        }
        if read > ended {
            self.seen.clear();
        }
        let seen = self.seen.get(&found.task.id);
        if seen.is_none_or(|seen| *seen < found.task.revision) {
            self.take(found);
        }
    }

    /// Looks at what changed, where the news leave something out.
    async fn look(&mut self) -> Result<(), AppError> {
        let began = Instant::now();
        let changed = changed_since(self.desk.store(), self.cluster, self.since).await?;
        self.looked = (began, Instant::now());
        self.seen.clear();
        for found in &changed {
            self.take(found);
        }
        Ok(())
    }

    fn take(&mut self, found: &TaskSnapshot) {
        let of = &found.task;
        self.seen.insert(of.id, of.revision);
        self.since = self.since.max(of.last_time);
        let asked_for = self.cluster.is_none_or(|cluster| cluster == of.cluster.id);
        if asked_for && self.caller.reads_task(of.id, of.cluster.id) {
            let task = Some(task::task(of, &found.context));
            self.unsent.push_back(WatchTasksResponse { task });
        }
    }
}

/// The RUNNING tasks. In one read, so that none slips between two pages; there is at most one a cluster.
async fn running(
    store: &Store,
    cluster: Option<ClusterId>,
) -> Result<Vec<TaskSnapshot>, StoreError> {
    let filter = TaskFilter {
        statuses: vec![TaskStatus::Running],
        cluster,
        ..TaskFilter::default()
    };
    let all = Page {
        offset: 0,
        limit: i64::MAX as u64,
        order: Order {
            column: "id",
            descending: false,
        },
    };
    Ok(store.tasks(&filter, all, false).await?.items)
}
