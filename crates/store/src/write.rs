//! The gateway: the only file in which transactions begin.
//!
//! One writer drains a queue. A lone job commits at once; a loaded queue groups itself: the jobs that wait
//! share one transaction, each in a savepoint of its own. A job that fails rolls its savepoint back; an error
//! of the whole transaction runs every member again alone, from reading. Jobs must therefore be repeatable.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use futures::future::BoxFuture;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    busy,
    error::StoreError,
    signal::{Signals, Wake},
};

/// How many jobs may share a transaction. More gains little and delays the first.
const GROUP: usize = 64;

/// How many jobs may wait. Beyond this, callers wait for room.
const QUEUE: usize = 1024;

/// A transaction, as a job sees it.
pub(crate) struct Tx<'t> {
    pub(crate) db: &'t DatabaseTransaction,
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

struct Job {
    operation: &'static str,
    work: Work,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// The queue's end for callers.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    /// Whether the database took the last transaction.
    working: Arc<AtomicBool>,
}

impl Writer {
    /// Makes the queue and the loop that serves it until every caller's end is gone.
    pub(crate) fn new(
        db: DatabaseConnection,
        signals: Signals,
    ) -> (Self, impl Future<Output = ()>) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let working = Arc::new(AtomicBool::new(true));
        let writer = Self {
            jobs,
            working: Arc::clone(&working),
        };
        (writer, serve(db, signals, working, queue))
    }

    /// Whether what is written now can be expected to be taken.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.jobs.is_closed() {
            return Err(StoreError::Closed);
        }
        match self.working.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(StoreError::NotWritable),
        }
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
        let job = Job {
            operation,
            work,
            done,
        };
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        outcome
            .await
            .map_err(|_| StoreError::Closed)?
            .map_err(|error| error.during(operation))?;
        let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or(StoreError::Closed)
    }
}

async fn serve(
    db: DatabaseConnection,
    signals: Signals,
    working: Arc<AtomicBool>,
    mut queue: mpsc::Receiver<Job>,
) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        if group.len() > 1 {
            group = run_together(&db, &signals, group).await;
            if group.is_empty() {
                working.store(true, Ordering::Relaxed);
            }
        }
        for job in group.drain(..) {
            let result = run_alone(&db, &signals, &job).await;
            let refused = matches!(result, Err(StoreError::Database { .. }));
            working.store(!refused, Ordering::Relaxed);
            let _ = job.done.send(result);
        }
    }
}

/// Runs the group in one transaction. Returns the jobs that must be run again alone: all or none.
async fn run_together(db: &DatabaseConnection, signals: &Signals, group: Vec<Job>) -> Vec<Job> {
    let wakes = Mutex::new(Vec::new());
    match attempt_together(db, &group, &wakes).await {
        Ok(results) => {
            send_all(signals, wakes);
            for (job, result) in group.into_iter().zip(results) {
                let _ = job.done.send(result);
            }
            Vec::new()
        }
        Err(error) => {
            tracing::debug!(%error, jobs = group.len(), "a grouped commit failed, running each alone");
            group
        }
    }
}

async fn attempt_together(
    db: &DatabaseConnection,
    group: &[Job],
    wakes: &Mutex<Vec<Wake>>,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let outer = begin_write(db).await?;
    let mut results = Vec::with_capacity(group.len());
    for job in group {
        let own_wakes = Mutex::new(Vec::new());
        #[expect(
            clippy::disallowed_methods,
            reason = "the gateway: a savepoint in its transaction"
        )]
        let savepoint = outer.begin().await?;
        match (job.work)(Tx {
            db: &savepoint,
            wakes: &own_wakes,
        })
        .await
        {
            Ok(()) => {
                savepoint.commit().await?;
                let own_wakes = own_wakes
                    .into_inner()
                    .unwrap_or_else(PoisonError::into_inner);
                wakes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(own_wakes);
                results.push(Ok(()));
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                savepoint.rollback().await?;
                results.push(Err(error));
            }
        }
    }
    outer.commit().await?;
    Ok(results)
}

async fn run_alone(
    db: &DatabaseConnection,
    signals: &Signals,
    job: &Job,
) -> Result<(), StoreError> {
    busy::retry(job.operation, || async {
        let wakes = Mutex::new(Vec::new());
        attempt_alone(db, job, &wakes).await?;
        send_all(signals, wakes);
        Ok(())
    })
    .await
}

async fn attempt_alone(
    db: &DatabaseConnection,
    job: &Job,
    wakes: &Mutex<Vec<Wake>>,
) -> Result<(), StoreError> {
    let tx = begin_write(db).await?;
    match (job.work)(Tx { db: &tx, wakes }).await {
        Ok(()) => Ok(tx.commit().await?),
        Err(error) => {
            tx.rollback().await?;
            Err(error)
        }
    }
}

fn send_all(signals: &Signals, wakes: Mutex<Vec<Wake>>) {
    let mut wakes = wakes.into_inner().unwrap_or_else(PoisonError::into_inner);
    wakes.dedup();
    for wake in wakes {
        signals.send(wake);
    }
}

/// Takes the write lock at once. A deferred transaction that reads first and writes later fails on SQLite as
/// soon as somebody else wrote in between, whatever the busy timeout.
#[expect(
    clippy::disallowed_methods,
    reason = "the gateway: the one place where transactions begin"
)]
pub(crate) async fn begin_write(
    db: &DatabaseConnection,
) -> Result<DatabaseTransaction, StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    Ok(db.begin_with_options(options).await?)
}

/// A read-only view of one moment: what several statements read belongs together.
#[expect(
    clippy::disallowed_methods,
    reason = "the gateway: the one place where transactions begin"
)]
pub(crate) async fn begin_read(db: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    Ok(db.begin().await?)
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;

    use crate::{Location, Store, StoreError, users::User};

    async fn add(store: &Store, name: &str) -> Result<User, StoreError> {
        store.add_user(name, "hash", &[]).await
    }

    /// What a full disk does: SQLite ends the transaction, and nobody tells the connection.
    async fn lose_a_transaction(store: &Store) {
        let lost = store.writer.write("losing a transaction", |tx| {
            Box::pin(async move {
                tx.db.execute_unprepared("ROLLBACK").await?;
                Ok(())
            })
        });
        assert!(matches!(lost.await, Err(StoreError::Database { .. })));
    }

    #[tokio::test]
    async fn what_is_answered_after_a_lost_transaction_is_durable() {
        let dir = tempfile::tempdir().unwrap();
        let file = Location::sqlite(dir.path().join("slacktide.db"));
        let store = Store::open(&file).await.unwrap();
        add(&store, "before").await.unwrap();
        lose_a_transaction(&store).await;
        assert!(store.ping().await.is_err());
        assert!(
            add(&store, "before").await.is_err(),
            "a job that is rolled back"
        );
        add(&store, "after").await.unwrap();
        assert!(store.ping().await.is_ok());

        let beside = Store::open(&file).await.unwrap();
        let names: Vec<_> = beside
            .users()
            .await
            .unwrap()
            .into_iter()
            .map(|user| user.name)
            .collect();
        assert_eq!(names, ["after", "before"]);
    }
}
