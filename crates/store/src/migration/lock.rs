//! Keeps two processes from migrating one database at once.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use tokio::time::{Instant, sleep};

use crate::{error::StoreError, session::Session};

/// How long to wait for another process. A migration of a large database takes a while.
const PATIENCE: Duration = Duration::from_secs(600);

/// How often to ask. Waiting within the database would be cut short by its limits.
const ASK: Duration = Duration::from_millis(100);

/// PostgreSQL's advisory locks are numbers of one database; this one stands for nothing.
const NUMBER: i64 = 7_225_533_806_011;

/// The right to migrate.
pub(super) struct Held(());

/// Waits for the right to migrate. It goes with the connection, so nobody has it for ever.
pub(super) async fn take(session: &Session) -> Result<Held, StoreError> {
    let backend = session.get_database_backend();
    let ask = match backend {
        DbBackend::Postgres => {
            // A statement that fills a column of a large table has no limit but the client's.
            session
                .execute_unprepared("SET statement_timeout = 0")
                .await?;
            format!(
                "SELECT CASE WHEN pg_try_advisory_lock({NUMBER}) THEN 1 ELSE 0 END::bigint AS got"
            )
        }
        DbBackend::MySql => {
            // OceanBase's limit; the other servers have none and do not know it.
            let no_limit = "SET SESSION ob_query_timeout = 3600000000";
            let _ = session.execute_unprepared(no_limit).await;
            // MySQL's named locks are the whole server's.
            "SELECT GET_LOCK(CONCAT('slacktide.', MD5(DATABASE())), 0) AS got".to_owned()
        }
        // All of the migrations in one transaction, which SQLite can roll back.
        _ => {
            session.execute_unprepared("BEGIN IMMEDIATE").await?;
            return Ok(Held(()));
        }
    };
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let ask = Statement::from_string(backend, ask.clone());
        let got = session.query_one_raw(ask).await?;
        let got: Option<i64> = got.map(|row| row.try_get("", "got")).transpose()?.flatten();
        if got == Some(1) {
            return Ok(Held(()));
        }
        sleep(ASK).await;
    }
    let why =
        "another process migrates the database for too long already: try again when it is done";
    Err(StoreError::Unusable(why.to_owned()))
}

impl Held {
    /// Lets go of the right, and keeps what was done.
    pub(super) async fn keep(self, session: &Session) -> Result<(), StoreError> {
        let release = match session.get_database_backend() {
            DbBackend::Postgres => format!("SELECT pg_advisory_unlock({NUMBER})"),
            DbBackend::MySql => {
                "SELECT RELEASE_LOCK(CONCAT('slacktide.', MD5(DATABASE())))".to_owned()
            }
            _ => "COMMIT".to_owned(),
        };
        session.execute_unprepared(&release).await?;
        Ok(())
    }

    /// Lets go of the right after a failure.
    pub(super) async fn give_up(self, session: &Session) {
        let _ = match session.get_database_backend() {
            DbBackend::Sqlite => session.execute_unprepared("ROLLBACK").await.map(drop),
            _ => self
                .keep(session)
                .await
                .map_err(|_| sea_orm::DbErr::Custom(String::new())),
        };
    }
}
