//! Opens the database.

use std::{sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions,
    mysql::MySqlConnectOptions,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::{
    checkpoint::checkpoint,
    cluster_reads::ClusterReads,
    error::StoreError,
    ids::Ids,
    location::Location,
    migration,
    reads::Reads,
    session::{Connect, Session},
    signal::Signals,
    write::{self, Writer},
};

/// How long a connection waits for another process's write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How often opening a SQLite file is tried. Two processes that turn a new file's log on at once get an error
/// without any wait.
const ATTEMPTS: u32 = 5;

/// How many prepared statements a connection keeps. The hot path has about thirty texts; SQLite gets them
/// joined, in a few hundred combinations of which a few dozen are common.
const STATEMENTS: usize = 256;

/// How many write at a time. Two on a shared database gave twice the commits of one in measurements, four no
/// more than two.
const WRITERS_OF_A_SHARED_DATABASE: usize = 2;

/// How long one statement of a migration of a shared database may take: it may rewrite a large table.
const MIGRATION_LIMIT: Duration = Duration::from_secs(3600);

/// Everything that slacktide remembers. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) reads: Reads,
    pub(crate) cluster_reads: ClusterReads,
    pub(crate) writer: Writer,
    pub(crate) ids: Ids,
    pub(crate) signals: Signals,
    pub(crate) tasks: TaskTracker,
}

impl Store {
    /// Opens the database. A SQLite file is made, and brought up to date; a shared database must be up to date.
    ///
    /// # Errors
    /// [`StoreError::Database`] if it cannot be opened, created or migrated. [`StoreError::Unusable`] if its server
    /// is too old, or its schema is not the one of this version.
    pub async fn open(location: &Location) -> Result<Self, StoreError> {
        let how = how(location)?;
        let during = |error: StoreError| error.during("opening the database");
        let first = connect(&how).await.map_err(during)?;
        migration::check_server(&first).await.map_err(during)?;
        let first = match location {
            Location::Sqlite(_) => migrate(first).await?,
            Location::Postgres(_) | Location::Mysql(_) => {
                migration::check_schema(&first).await.map_err(during)?;
                first
            }
        };
        let mut sessions = vec![first];
        if location.is_shared() {
            while sessions.len() < WRITERS_OF_A_SHARED_DATABASE {
                sessions.push(connect(&how).await.map_err(during)?);
            }
        }
        let reads = Reads::open(location, &how).await;
        let reads = reads.map_err(|error| during(error.into()))?;

        let signals = Signals::default();
        let wrote = Arc::new(Notify::new());
        let (writer, serving) = Writer::new(&how, sessions, &signals, Arc::clone(&wrote));
        let (cluster_reads, reading) = ClusterReads::new(&reads);
        let tasks = TaskTracker::new();
        for writer in serving {
            tasks.spawn(writer);
        }
        for reader in reading {
            tasks.spawn(reader);
        }
        if !location.is_shared() {
            tasks.spawn(checkpoint(how, wrote, writer.closed()));
        }
        tasks.close();
        Ok(Self {
            reads,
            cluster_reads,
            ids: Ids::new(writer.clone()),
            writer,
            signals,
            tasks,
        })
    }

    /// Brings the schema of a database up to date. Processes that do so at once wait for each other.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn migrate(location: &Location) -> Result<(), StoreError> {
        let during = |error: StoreError| error.during("opening the database");
        let session = connect(&how(location)?).await.map_err(during)?;
        migration::check_server(&session).await.map_err(during)?;
        let session = session.patient(MIGRATION_LIMIT);
        migrate(session).await?.close().await;
        Ok(())
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
            cluster_reads,
            writer,
            ids,
            signals,
            tasks,
        } = self;
        // The link to other processes ends with the last who could have something to tell them.
        drop((cluster_reads, writer, ids, signals));
        tasks.wait().await;
        reads.close().await;
    }
}

async fn migrate(session: Session) -> Result<Session, StoreError> {
    migration::apply(&session)
        .await
        .map_err(|error| error.during("migrating the database"))?;
    Ok(session)
}

async fn connect(how: &Connect) -> Result<Session, StoreError> {
    let mut number = 1;
    loop {
        match write::connect(how).await.map_err(StoreError::from) {
            Err(error) if error.is_transient() && number < ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(10 << number)).await;
                number += 1;
            }
            result => return result,
        }
    }
}

/// How connections to the database are made.
fn how(location: &Location) -> Result<Connect, StoreError> {
    let unreadable = |_| StoreError::Unusable(format!("{location} cannot be read as a URL"));
    Ok(match location {
        Location::Sqlite(file) => Connect::Sqlite(
            SqliteConnectOptions::new()
                // Not in a URL, where `?` and `%` of a path would mean something.
                .filename(file)
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
                .pragma("journal_mode", "WAL")
                .pragma("wal_autocheckpoint", "0")
                // FULL: a commit that was answered survives a loss of power.
                .synchronous(SqliteSynchronous::Full)
                .statement_cache_capacity(STATEMENTS)
                .disable_statement_logging(),
        ),
        Location::Postgres(url) => {
            let options: PgConnectOptions = url.reveal().parse().map_err(unreadable)?;
            Connect::Postgres(
                options
                    .application_name("slacktide")
                    .statement_cache_capacity(STATEMENTS)
                    .disable_statement_logging(),
            )
        }
        Location::Mysql(url) => {
            let options: MySqlConnectOptions = url.reveal().parse().map_err(unreadable)?;
            Connect::Mysql(
                options
                    .charset("utf8mb4")
                    .collation("utf8mb4_bin")
                    .statement_cache_capacity(STATEMENTS)
                    .disable_statement_logging(),
            )
        }
    })
}
