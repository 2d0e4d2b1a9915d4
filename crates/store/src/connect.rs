//! Opens the database.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::{Connection as _, sqlite::SqliteSynchronous},
};
use sea_orm_migration::MigratorTrait;
use tokio_util::task::TaskTracker;

use crate::{
    busy,
    error::StoreError,
    ids::Ids,
    migration::Migrator,
    signal::Signals,
    write::{Writer, begin_write},
};

/// How long a connection waits for another process's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many readers may read at a time. They never wait for the writer (WAL).
const READERS: u32 = 4;

/// Where a store's data lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    file: PathBuf,
}

impl Location {
    /// A SQLite file; it is created if need be.
    pub fn sqlite(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// Everything that slacktide remembers. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) reads: DatabaseConnection,
    pub(crate) writer: Writer,
    pub(crate) ids: Ids,
    signals: Signals,
    tasks: TaskTracker,
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Database`] if the file cannot be opened, created or migrated.
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        let connect = async |connections| {
            let operation = "opening the database";
            // Two processes that turn a new file's log on at once get an error without any wait.
            let opened = busy::retry(operation, || open_pool(location, connections));
            opened.await.map_err(|error| error.during(operation))
        };
        let write = connect(1).await?;
        migrate(&write)
            .await
            .map_err(|error| error.during("migrating the database"))?;
        let reads = connect(READERS).await?;

        let signals = Signals::default();
        let (writer, serving) = Writer::new(write, signals.clone());
        let tasks = TaskTracker::new();
        tasks.spawn(serving);
        tasks.close();
        Ok(Self {
            reads,
            ids: Ids::new(writer.clone()),
            writer,
            signals,
            tasks,
        })
    }

    /// Where to wait for commits.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Whether the database answers, and took what was written last.
    ///
    /// # Errors
    /// [`StoreError`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.writer.check()?;
        Ok(self.reads.ping().await?)
    }

    /// Waits until what was handed to the writer is done. Other clones must be gone by then.
    pub async fn close(self) {
        let Self {
            reads,
            writer,
            ids,
            tasks,
            ..
        } = self;
        drop((writer, ids));
        tasks.wait().await;
        let _ = reads.close().await;
    }
}

/// In one transaction, so that of processes that open a new database at once one makes it and the others wait.
async fn migrate(db: &DatabaseConnection) -> Result<(), StoreError> {
    let tx = begin_write(db).await?;
    Migrator::up(&tx, None).await?;
    Ok(tx.commit().await?)
}

async fn open_pool(
    location: &Location,
    connections: u32,
) -> Result<DatabaseConnection, StoreError> {
    let file = location.file.clone();
    let mut options = ConnectOptions::new("sqlite:");
    options
        .min_connections(1)
        .max_connections(connections)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                // Not in the URL, where `?` and `%` of a path would mean something.
                .filename(&file)
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
                .pragma("journal_mode", "WAL")
                // FULL: a commit that was answered survives a loss of power.
                .synchronous(SqliteSynchronous::Full)
        })
        // An error such as a full disk makes SQLite end the transaction by itself. The connection still counts
        // one open: its next "transaction" would be a savepoint in nothing, and what that commits be lost.
        .map_sqlx_sqlite_before_acquire(|connection, _| {
            let clean = !connection.is_in_transaction();
            Box::pin(async move { Ok(clean) })
        });
    Ok(Database::connect(options).await?)
}
