//! Wake-ups: hints that something was committed. They wake a loop that reads the database; a lost one costs
//! latency, never correctness.
//!
//! Within the process they are channels. Where several processes share a database, a [`link`] carries them
//! between the processes: PostgreSQL's LISTEN/NOTIFY, or NATS.

mod identity;
mod link;
mod local;
mod message;
mod nats;
mod outgoing;
mod postgres;

use std::sync::{Arc, OnceLock};

pub use link::LinkError;
pub use local::{TaskNews, Work};
use sea_orm::DatabaseBackend;
use slacktide_engine::id::{SubtaskId, TaskId};
use tokio::sync::{broadcast, oneshot, watch};

use self::{
    link::{Link, keep},
    local::Local,
    nats::NatsLink,
    outgoing::{Outbox, Outgoing},
    postgres::PostgresLink,
};
use crate::connect::Store;

/// What a commit may wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Subtasks may be READY: executors.
    Work,
    /// This subtask is READY, the first of a task that was just accepted, and any executor may run it.
    Accepted(TaskId, SubtaskId),
    /// Runs may be CANCELING: their executors.
    Cancel,
    /// A task has a new revision: its watchers.
    Task(TaskId, i64),
}

/// Where to wait for commits.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    local: Local,
    /// The way to the other processes, once there is a link.
    outgoing: Arc<OnceLock<Outgoing>>,
}

impl Signals {
    /// Waits until a commit may have made work. One waiter is woken; a wake-up that comes before the wait is
    /// kept for it.
    pub async fn work(&self) -> Work {
        self.local.work().await
    }

    /// Waits until a commit may have ended runs that still go on: an executor looks which of its own are
    /// CANCELING. One waiter is woken; a wake-up that comes before the wait is kept for it.
    pub async fn canceling(&self) {
        self.local.canceling.notified().await;
    }

    /// Follows the revisions that commits give a task. Subscribe before reading, so that none is missed.
    pub fn task(&self, task: TaskId) -> watch::Receiver<i64> {
        self.local.task(task)
    }

    /// Follows the changes of all tasks. Whoever lags has missed some, as after [`TaskNews::Missed`], and reads
    /// all that it wants to know again. Subscribe before reading.
    pub fn tasks(&self) -> broadcast::Receiver<TaskNews> {
        self.local.all_tasks.subscribe()
    }

    /// Opens the way to the other processes; none if it is open already.
    fn share(&self) -> Option<Outbox> {
        let (outgoing, outbox) = outgoing::channel();
        self.outgoing.set(outgoing).ok().map(|()| outbox)
    }

    pub(crate) fn send(&self, wake: Wake) {
        self.local.deliver(wake);
        if let Some(outgoing) = self.outgoing.get() {
            outgoing.send(wake);
        }
    }
}

impl Store {
    /// Shares wake-ups with the other processes of this database, until the store is closed: over NATS where an
    /// address is given (or several, with commas between), else by LISTEN and NOTIFY on PostgreSQL, else not
    /// at all. Returns when the first attempt to do so is over. A link that fails is logged and made anew, for it
    /// costs only latency.
    ///
    /// # Errors
    /// [`LinkError::Address`] if the address is none. [`LinkError::Store`] if the database fails.
    pub async fn share_signals(&self, nats: Option<&str>) -> Result<(), LinkError> {
        match nats {
            Some(urls) => {
                let link = NatsLink::new(urls, identity::identity(self).await?)?;
                self.keep_link(link).await;
            }
            None if self.reads.get_database_backend() == DatabaseBackend::Postgres => {
                let pool = self.reads.get_postgres_connection_pool();
                let link = PostgresLink::new(pool, identity::identity(self).await?);
                self.keep_link(link).await;
            }
            None => {}
        }
        Ok(())
    }

    async fn keep_link(&self, link: impl Link) {
        let Some(outbox) = self.signals().share() else {
            return;
        };
        let (tell, tried) = oneshot::channel();
        let local = self.signals().local.clone();
        self.tasks.spawn(keep(link, local, outbox, tell));
        let _ = tried.await;
    }
}
