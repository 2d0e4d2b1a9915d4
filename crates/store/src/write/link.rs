//! A writer's line to the database: one connection, made anew when it is lost, and transactions on it.

use std::time::Duration;

use futures::future::BoxFuture;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::time::{Instant, sleep};

use crate::{
    batch::Left,
    error::StoreError,
    session::{Connect, Session},
};

/// How long making a connection may take. A server that lives answers in milliseconds; one behind a network
/// that swallows packets never does, and callers had better know soon.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// For how long a connection is not tried again that took at least as long to fail. Whoever waits behind the first
/// that found out is told at once, in place of after one [`CONNECT_LIMIT`] each.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a transaction is tried. Most attempts have waited for the database's own limits already.
const ATTEMPTS: u32 = 5;

/// Opens a connection for writing, with the settings that writing rests on.
pub(crate) async fn connect(how: &Connect) -> Result<Session, DbErr> {
    let session = Session::connect(how, CONNECT_LIMIT).await?;
    match session.get_database_backend() {
        DbBackend::Postgres => {
            session.execute_unprepared(POSTGRES).await?;
        }
        DbBackend::MySql => {
            for setting in MYSQL {
                session.execute_unprepared(setting).await?;
            }
            // OceanBase's own limits; the other servers do not know them.
            let _ = session.execute_unprepared(OCEANBASE).await;
        }
        _ => {}
    }
    Ok(session)
}

/// READ COMMITTED, said and not hoped for. A statement ends before the client gives it up, a lock that is not
/// to be had is an error that is tried again, and a client that vanished keeps no locks. A plan made for a small
/// table must not stay when it has grown: every row of a commit is found by its key. What has to be scanned all the
/// same then looks so costly that PostgreSQL would compile it, which takes longer than anything else here.
const POSTGRES: &str = "SET default_transaction_isolation = 'read committed'; \
     SET statement_timeout = '30s'; SET lock_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '60s'; SET synchronous_commit = on; \
     SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET jit = off";

/// The same; and a value that does not fit is an error, never cut off.
const MYSQL: [&str; 2] = [
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION innodb_lock_wait_timeout = 10",
];

const OCEANBASE: &str =
    "SET SESSION ob_query_timeout = 30000000, SESSION ob_trx_timeout = 60000000";

/// What a transaction does between its beginning and its COMMIT. May be done more than once, from reading.
pub(super) trait Transaction: Sync {
    type Output: Send;

    /// `begin` begins the transaction; it is sent along with the first statements.
    fn carry_out<'s>(
        &'s self,
        session: &'s Session,
        begin: Statement,
    ) -> BoxFuture<'s, Result<Self::Output, StoreError>>;

    /// What is left to be done with it.
    fn left(_output: &Self::Output) -> Left {
        Left::ToCommit
    }
}

/// A writer's line.
pub(super) struct Line {
    how: Connect,
    session: Option<Session>,
    /// When a connection could not be made in all that time, and why.
    refused: Option<(Instant, StoreError)>,
}

/// Why a transaction did not come to its end, and what is known of it.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no connection. Nothing was begun.
    Unreachable(StoreError),
    /// It was not committed.
    Undone(StoreError),
    /// The answer to COMMIT was lost.
    Unknown(StoreError),
}

impl Failure {
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Unreachable(error) | Self::Undone(error) | Self::Unknown(error) => error,
        }
    }

    /// Whether it is worth trying again: the database was busy, or a connection turned out to be dead.
    fn may_pass(&self) -> bool {
        match self {
            Self::Undone(error) => error.is_transient() || error.is_lost(),
            Self::Unreachable(_) | Self::Unknown(_) => false,
        }
    }
}

impl Line {
    pub(super) fn new(how: Connect, session: Session) -> Self {
        Self {
            how,
            session: Some(session),
            refused: None,
        }
    }

    /// Runs a transaction, a few times if need be.
    pub(super) async fn transact<T: Transaction>(
        &mut self,
        operation: &'static str,
        transaction: &T,
    ) -> Result<T::Output, Failure> {
        let mut number = 1;
        loop {
            match self.attempt(transaction).await {
                Err(failure) if failure.may_pass() && number < ATTEMPTS => {
                    tracing::warn!(
                        operation,
                        attempt = number,
                        ?failure,
                        "a transaction is tried again"
                    );
                    sleep(Duration::from_millis(10 << number)).await;
                    number += 1;
                }
                result => return result,
            }
        }
    }

    /// Runs a transaction once.
    pub(super) async fn attempt<T: Transaction>(
        &mut self,
        transaction: &T,
    ) -> Result<T::Output, Failure> {
        let session = self.session().await.map_err(Failure::Unreachable)?;
        let backend = session.get_database_backend();
        let carried = transaction.carry_out(session, begin(backend)).await;
        let left = carried.as_ref().map(T::left);
        let ended = match left {
            Ok(Left::Nothing) => Ok(()),
            Ok(Left::ToRollBack) => roll_back(session).await,
            Ok(Left::ToCommit) => commit(session).await,
            Err(_) => Ok(()),
        };
        let failure = match (carried, ended) {
            (Ok(output), Ok(())) => return Ok(output),
            (Ok(_), Err(failure)) => failure,
            (Err(error), _) => Failure::Undone(error),
        };
        self.clear(&failure).await;
        Err(failure)
    }

    /// Leaves no transaction open. A connection on which that cannot be had is given up.
    async fn clear(&mut self, failure: &Failure) {
        let Some(session) = &self.session else {
            return;
        };
        let lost = match failure {
            Failure::Unreachable(error) | Failure::Undone(error) => error.is_lost(),
            Failure::Unknown(_) => true,
        };
        let rolled_back = !lost && session.execute_unprepared("ROLLBACK").await.is_ok();
        // SQLite answers ROLLBACK with an error where an error, such as a full disk, has ended the transaction.
        let is_clean = rolled_back
            || (session.get_database_backend() == DbBackend::Sqlite
                && session.execute_unprepared("BEGIN; ROLLBACK").await.is_ok());
        if !is_clean {
            self.session = None;
        }
    }

    async fn session(&mut self) -> Result<&Session, StoreError> {
        if self.session.is_none() {
            if let Some((then, error)) = &self.refused
                && then.elapsed() < PAUSE
            {
                return Err(error.lost_again());
            }
            let begun = Instant::now();
            let connected = connect(&self.how).await.map_err(StoreError::from);
            let session = connected.inspect_err(|error| {
                if begun.elapsed() >= PAUSE {
                    self.refused = Some((Instant::now(), error.lost_again()));
                }
            })?;
            tracing::info!("a connection to the database was made anew");
            self.session = Some(session);
        }
        self.session.as_ref().ok_or(StoreError::Closed)
    }

    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}

async fn commit(session: &Session) -> Result<(), Failure> {
    let committed = session.execute_unprepared("COMMIT").await;
    committed.map(drop).map_err(|error| {
        let error = StoreError::from(error);
        match error.is_undone_commit() {
            true => Failure::Undone(error),
            false => Failure::Unknown(error),
        }
    })
}

async fn roll_back(session: &Session) -> Result<(), Failure> {
    let rolled_back = session.execute_unprepared("ROLLBACK").await;
    rolled_back
        .map(drop)
        .map_err(|error| Failure::Undone(error.into()))
}

/// SQLite's takes the write lock at once: a transaction that reads first and writes later fails there as soon as
/// somebody else wrote in between, whatever the busy timeout.
fn begin(backend: DbBackend) -> Statement {
    let sql = match backend {
        DbBackend::Sqlite => "BEGIN IMMEDIATE",
        DbBackend::Postgres => "BEGIN",
        _ => "START TRANSACTION",
    };
    Statement::from_string(backend, sql)
}
