//! A connection of its own, for those who write.
//!
//! sqlx's pool asks a connection whether it lives whenever it lends it and whenever it gets it back. A writer
//! that keeps its connection spares every commit both.

use std::{sync::Arc, time::Duration};

use futures::TryStreamExt;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values,
};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Either, Executor, MySqlConnection, PgConnection,
    SqliteConnection, mysql::MySqlConnectOptions, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};
use tokio::sync::Mutex;

use crate::error::StoreError;

/// How long a shared database may take over one statement before the connection counts as lost. Servers are
/// told to give up earlier, so this is for networks that swallow answers.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(40);

/// How a connection is made.
#[derive(Clone, Debug)]
pub(crate) enum Connect {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
    Mysql(MySqlConnectOptions),
}

/// One connection.
pub(crate) struct Session {
    backend: DbBackend,
    link: Mutex<Link>,
    limit: Duration,
}

enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

/// What one statement did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) result: ExecResult,
    pub(crate) rows: Vec<QueryResult>,
}

/// An error, and which statement of those that were run together it came from.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) statement: usize,
    pub(crate) error: DbErr,
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        failed.error.into()
    }
}

impl From<Failed> for DbErr {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

impl Session {
    pub(crate) async fn connect(how: &Connect, limit: Duration) -> Result<Self, DbErr> {
        let connecting = async {
            let link = match how {
                Connect::Sqlite(options) => Link::Sqlite(options.connect().await?),
                Connect::Postgres(options) => Link::Postgres(options.connect().await?),
                Connect::Mysql(options) => Link::Mysql(options.connect().await?),
            };
            Ok::<_, sqlx::Error>(link)
        };
        let backend = match how {
            Connect::Sqlite(_) => DbBackend::Sqlite,
            Connect::Postgres(_) => DbBackend::Postgres,
            Connect::Mysql(_) => DbBackend::MySql,
        };
        let connected = tokio::time::timeout(limit, connecting).await;
        match connected.unwrap_or_else(|_| Err(no_answer())) {
            Ok(link) => Ok(Self {
                backend,
                link: Mutex::new(link),
                limit: ANSWER_LIMIT,
            }),
            Err(error) => Err(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))),
        }
    }

    /// Waits longer for answers.
    pub(crate) fn patient(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Runs statements in order, up to the first that fails. SQLite gets them all at once: a hop to its thread
    /// costs more than most statements do.
    pub(crate) async fn run_all(&self, statements: Vec<Statement>) -> Result<Vec<Ran>, Failed> {
        if self.backend == DbBackend::Sqlite {
            return self.run_joined(statements).await;
        }
        let mut all = Vec::with_capacity(statements.len());
        for (number, statement) in statements.into_iter().enumerate() {
            let ran = self.run_joined(vec![statement]).await;
            all.extend(ran.map_err(|failed| Failed {
                statement: number,
                ..failed
            })?);
        }
        Ok(all)
    }

    async fn run_joined(&self, mut statements: Vec<Statement>) -> Result<Vec<Ran>, Failed> {
        let count = statements.len();
        let values = |statement: &mut Statement| statement.values.take().map_or(vec![], |v| v.0);
        let statement = match statements.as_mut_slice() {
            [] => return Ok(Vec::new()),
            [only] => std::mem::replace(only, Statement::from_string(self.backend, "")),
            several => {
                let sql: Vec<_> = several.iter().map(|s| s.sql.as_str()).collect();
                let mut joined = Statement::from_string(self.backend, sql.join("; "));
                joined.values = Some(Values(several.iter_mut().flat_map(values).collect()));
                joined
            }
        };
        self.answer(statement, count).await
    }

    async fn answer(&self, statement: Statement, count: usize) -> Result<Vec<Ran>, Failed> {
        let mut done = Vec::with_capacity(count);
        let mut link = self.link.lock().await;
        let outcome = match &mut *link {
            // A statement of one's own process is never given up: its thread goes on with it all the same.
            Link::Sqlite(connection) => drain(connection, statement, &mut done).await,
            Link::Postgres(connection) => {
                within_limit(self.limit, drain(connection, statement, &mut done)).await
            }
            Link::Mysql(connection) => {
                within_limit(self.limit, drain(connection, statement, &mut done)).await
            }
        };
        match outcome {
            Ok(()) => Ok(done),
            Err(error) => Err(Failed {
                statement: done.len(),
                error: DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error))),
            }),
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        let goodbye = async {
            match self.link.into_inner() {
                Link::Sqlite(connection) => connection.close().await,
                Link::Postgres(connection) => connection.close().await,
                Link::Mysql(connection) => connection.close().await,
            }
        };
        let _ = tokio::time::timeout(ANSWER_LIMIT, goodbye).await;
    }
}

async fn within_limit(
    limit: Duration,
    answering: impl Future<Output = Result<(), sqlx::Error>>,
) -> Result<(), sqlx::Error> {
    let answered = tokio::time::timeout(limit, answering).await;
    answered.unwrap_or_else(|_| Err(no_answer()))
}

fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}

async fn drain<C>(
    connection: &mut C,
    statement: Statement,
    done: &mut Vec<Ran>,
) -> Result<(), sqlx::Error>
where
    C: Connection,
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
    SqlxValues: sqlx::IntoArguments<C::Database>,
    <C::Database as sqlx::Database>::Row: Into<QueryResult>,
    <C::Database as sqlx::Database>::QueryResult: Into<ExecResult>,
{
    let sql = AssertSqlSafe(statement.sql);
    let mut rows = Vec::new();
    let mut answers = match statement.values {
        Some(values) => connection.fetch_many(sqlx::query_with(sql, SqlxValues(values))),
        // Without values nothing is prepared: these are BEGIN, SET and the like.
        None => connection.fetch_many(sql),
    };
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(result) => done.push(Ran {
                result: result.into(),
                rows: std::mem::take(&mut rows),
            }),
            Either::Right(row) => rows.push(row.into()),
        }
    }
    Ok(())
}

#[async_trait::async_trait]
impl ConnectionTrait for Session {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let last = self.run_joined(vec![statement]).await?.pop();
        last.map(|ran| ran.result)
            .ok_or_else(|| DbErr::Custom("an empty statement".to_owned()))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.backend, sql))
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let ran = self.run_joined(vec![statement]).await?;
        Ok(ran.into_iter().flat_map(|ran| ran.rows).collect())
    }
}
