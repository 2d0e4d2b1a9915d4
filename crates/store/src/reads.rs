//! Readers: a pool of connections beside the writers'.

use std::time::Duration;

use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, ExecResult, IsolationLevel, QueryResult, RuntimeErr, Statement,
    TransactionTrait,
};
use sqlx::{Executor, PgPool};
use tokio::time::timeout;

use crate::{
    error::StoreError,
    location::Location,
    session::{ANSWER_LIMIT, Connect},
};

/// How many readers may read at a time. On SQLite they never wait for the writer (WAL) and are threads of this
/// process; on a shared database they mostly wait for the network.
const OF_A_FILE: u32 = 4;
const OF_A_SHARED_DATABASE: u32 = 8;

/// How long a reader may wait for a connection, a new one included, before the caller is told that there is
/// none: shorter than any caller's own patience.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(5);

/// A connection that lay idle longer is asked whether it still lives before it is used; firewalls and failovers
/// end connections without a word. One that was just used is trusted: asking costs a round trip.
const TRUSTED: Duration = Duration::from_secs(5);

/// Servers end a statement before the client gives it up.
const POSTGRES: &str =
    "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'";

/// What one statement reads is of one moment. A view says itself that it wants more.
const MYSQL: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Something to read from, whose answers are not waited for forever.
#[derive(Debug)]
pub(crate) struct Bounded<C> {
    inner: C,
    /// How often something is read before a dead connection is an error. After a failover all idle ones may be
    /// dead, and each is found out by using it.
    tries: u32,
}

pub(crate) type Reads = Bounded<DatabaseConnection>;

/// Reads again where a connection turns out to be dead: reading twice is reading once.
macro_rules! repeat {
    ($reads:expr, $answer:expr) => {{
        let mut left = $reads.tries;
        loop {
            left -= 1;
            match bounded($answer).await {
                Err(error) if left > 0 && StoreError::from(error.clone()).is_lost() => {}
                answer => break answer,
            }
        }
    }};
}

/// A read-only view of one moment.
pub(crate) type View = Bounded<DatabaseTransaction>;

impl Clone for Reads {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            tries: self.tries,
        }
    }
}

impl Reads {
    pub(crate) async fn open(location: &Location, how: &Connect) -> Result<Self, DbErr> {
        let (url, most) = match location {
            Location::Sqlite(_) => ("sqlite:", OF_A_FILE),
            Location::Postgres(url) | Location::Mysql(url) => (url.reveal(), OF_A_SHARED_DATABASE),
        };
        let mut options = ConnectOptions::new(url);
        options
            .min_connections(1)
            .max_connections(most)
            .connect_timeout(ACQUIRE_LIMIT)
            .sqlx_logging(false);
        match how.clone() {
            Connect::Sqlite(sqlite) => {
                options
                    .test_before_acquire(false)
                    .map_sqlx_sqlite_opts(move |_| sqlite.clone());
            }
            Connect::Postgres(postgres) => {
                options
                    .test_before_acquire_if_idle_for(TRUSTED)
                    .map_sqlx_postgres_opts(move |_| postgres.clone())
                    .map_sqlx_postgres_pool_opts(|pool| {
                        pool.after_connect(|connection, _| {
                            Box::pin(async move { connection.execute(POSTGRES).await.map(drop) })
                        })
                    });
            }
            Connect::Mysql(mysql) => {
                options
                    .test_before_acquire_if_idle_for(TRUSTED)
                    .map_sqlx_mysql_opts(move |_| mysql.clone())
                    .map_sqlx_mysql_pool_opts(|pool| {
                        pool.after_connect(|connection, _| {
                            Box::pin(async move { connection.execute(MYSQL).await.map(drop) })
                        })
                    });
            }
        }
        let tries = most + 1;
        let inner = Database::connect(options).await?;
        Ok(Self { inner, tries })
    }

    /// A view of one moment: what several statements read belongs together.
    #[expect(
        clippy::disallowed_methods,
        reason = "a transaction that only reads, of one moment"
    )]
    pub(crate) async fn view(&self) -> Result<View, StoreError> {
        let snapshot = match self.inner.get_database_backend() {
            // A SQLite transaction sees one moment anyway.
            DbBackend::Sqlite => (None, None),
            _ => (
                Some(IsolationLevel::RepeatableRead),
                Some(AccessMode::ReadOnly),
            ),
        };
        let begun = repeat!(self, self.inner.begin_with_config(snapshot.0, snapshot.1));
        Ok(Bounded {
            inner: begun?,
            tries: 1,
        })
    }

    pub(crate) fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    /// The pool itself, for LISTEN.
    pub(crate) fn get_postgres_connection_pool(&self) -> &PgPool {
        self.inner.get_postgres_connection_pool()
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<(), DbErr> {
        repeat!(self, self.inner.ping())
    }

    pub(crate) async fn close(self) {
        let _ = timeout(ANSWER_LIMIT, self.inner.close()).await;
    }
}

impl View {
    pub(crate) async fn end(self) -> Result<(), DbErr> {
        bounded(self.inner.rollback()).await
    }
}

async fn bounded<T>(answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    timeout(ANSWER_LIMIT, answer).await.unwrap_or_else(|_| {
        let error = sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
        Err(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
    })
}

#[async_trait::async_trait]
impl<C: ConnectionTrait + Send> ConnectionTrait for Bounded<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        repeat!(self, self.inner.execute_raw(statement.clone()))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        repeat!(self, self.inner.execute_unprepared(sql))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        repeat!(self, self.inner.query_one_raw(statement.clone()))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        repeat!(self, self.inner.query_all_raw(statement.clone()))
    }
}
