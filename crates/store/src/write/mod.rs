//! The gateway: the only place in which transactions that write begin.
//!
//! Writers drain queues. A lone job commits at once; a loaded queue groups itself: the operations of the hot
//! path that wait share one transaction and its statements ([`crate::batch`]). An error of the whole transaction
//! runs every member again alone, from reading. Everything rarer has a transaction of its own. Jobs must
//! therefore be repeatable; a COMMIT whose answer was lost is never repeated blindly.
//!
//! SQLite has one writer, as it has one write lock. A shared database has a few, and operations on one task
//! always go to the same, so that they group and never wait for each other's locks.

mod link;
mod serve;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use futures::future::BoxFuture;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    batch::{Op, Reply},
    error::StoreError,
    session::{Connect, Session},
    signal::{Signals, Wake},
};
use link::Line;
pub(crate) use link::connect;

/// How many jobs may wait at each writer. Beyond this, callers wait for room.
const QUEUE: usize = 1024;

/// A transaction, as a job sees it.
pub(crate) struct Tx<'t> {
    pub(crate) db: &'t Session,
    wakes: &'t Mutex<Vec<Wake>>,
}

impl Tx<'_> {
    /// Sends this once the transaction has committed.
    pub(crate) fn wake(&self, wake: Wake) {
        self.wakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(wake);
    }
}

type Work = Box<dyn for<'t> Fn(Tx<'t>) -> BoxFuture<'t, Result<(), StoreError>> + Send + Sync>;

/// A job, and where its outcome goes.
enum Job {
    /// Has a transaction of its own.
    Alone {
        operation: &'static str,
        work: Work,
        done: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Shares one.
    Shared {
        op: Op,
        done: oneshot::Sender<Result<Reply, StoreError>>,
    },
}

/// Whom a writer tells of its commits.
struct Told {
    signals: Signals,
    working: Arc<AtomicBool>,
    wrote: Arc<Notify>,
}

/// The queues' ends for callers.
#[derive(Clone)]
pub(crate) struct Writer {
    lanes: Arc<[mpsc::Sender<Job>]>,
    next: Arc<AtomicUsize>,
    /// Whether the database took the last transaction.
    working: Arc<AtomicBool>,
    /// Fires once every caller's end is gone.
    closed: CancellationToken,
    _open: Arc<DropGuard>,
}

impl Writer {
    /// Makes queues, and the loops that serve them until every caller's end is gone. The first session is there
    /// already.
    pub(crate) fn new(
        how: &Connect,
        sessions: Vec<Session>,
        signals: &Signals,
        wrote: Arc<Notify>,
    ) -> (Self, Vec<impl Future<Output = ()> + use<>>) {
        let working = Arc::new(AtomicBool::new(true));
        let mut lanes = Vec::with_capacity(sessions.len());
        let mut serving = Vec::with_capacity(sessions.len());
        for session in sessions {
            let (lane, queue) = mpsc::channel(QUEUE);
            lanes.push(lane);
            let line = Line::new(how.clone(), session);
            let told = Told {
                signals: signals.clone(),
                working: Arc::clone(&working),
                wrote: Arc::clone(&wrote),
            };
            serving.push(serve::serve(line, told, queue));
        }
        let closed = CancellationToken::new();
        let writer = Self {
            lanes: lanes.into(),
            next: Arc::default(),
            working,
            _open: Arc::new(closed.clone().drop_guard()),
            closed,
        };
        (writer, serving)
    }

    /// Fires once nobody can write any more.
    pub(crate) fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }

    /// Whether what is written now can be expected to be taken.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.lanes.iter().any(mpsc::Sender::is_closed) {
            return Err(StoreError::Closed);
        }
        match self.working.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(StoreError::NotWritable),
        }
    }

    /// Carries out an operation of the hot path and returns once that is durable.
    pub(crate) async fn share(&self, operation: &'static str, op: Op) -> Result<Reply, StoreError> {
        let lane = op.lane().unsigned_abs() as usize % self.lanes.len();
        let (done, outcome) = oneshot::channel();
        let queued = self.lanes[lane].send(Job::Shared { op, done }).await;
        queued.map_err(|_| StoreError::Closed)?;
        let outcome = outcome.await.map_err(|_| StoreError::Closed)?;
        outcome.map_err(|error| error.during(operation))
    }

    /// Runs `work` in a write transaction and returns what it returned once that is durable.
    ///
    /// A caller that goes away meanwhile does not undo it: the job is carried out, and its signals are sent.
    pub(crate) async fn write<T, F>(
        &self,
        operation: &'static str,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> Fn(Tx<'t>) -> BoxFuture<'t, Result<T, StoreError>> + Send + Sync + 'static,
    {
        let result = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&result);
        let work: Work = Box::new(move |tx| {
            let (slot, running) = (Arc::clone(&slot), work(tx));
            Box::pin(async move {
                let value = running.await?;
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
                Ok(())
            })
        });
        let (done, outcome) = oneshot::channel();
        let job = Job::Alone {
            operation,
            work,
            done,
        };
        let lane = self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        let queued = self.lanes[lane].send(job).await;
        queued.map_err(|_| StoreError::Closed)?;
        outcome
            .await
            .map_err(|_| StoreError::Closed)?
            .map_err(|error| error.during(operation))?;
        let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or(StoreError::Closed)
    }
}

#[cfg(test)]
mod tests;
