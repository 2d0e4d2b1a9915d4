//! Moves what SQLite's log holds into the database file, beside the writer.
//!
//! Left to itself, SQLite does so in a COMMIT, every thousand pages: whoever waits for that commit waits for all of
//! it.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait, DbErr, Statement};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::session::{ANSWER_LIMIT, Connect, Session};

/// How long commits gather before they are moved.
const PAUSE: Duration = Duration::from_millis(500);

/// A log of more pages than this (64 MiB) is begun anew, for which writers wait: under steady load it would not
/// otherwise.
const LARGE: i64 = 16_384;

/// How long writers wait for that at most, and how often: somebody may be reading for long, as a backup does.
const PATIENCE: &str = "PRAGMA busy_timeout = 100";
const RARELY: Duration = Duration::from_secs(5);

/// Takes what it can get without holding anybody up; and begins the log anew.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";

/// Moves commits until the store is closed.
pub(crate) async fn checkpoint(how: Connect, wrote: Arc<Notify>, closed: CancellationToken) {
    let mut session = None;
    let mut pause = PAUSE;
    loop {
        tokio::select! {
            () = closed.cancelled() => break,
            () = wrote.notified() => {}
        }
        tokio::select! {
            () = closed.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match move_commits(&how, &mut session).await {
            Ok(true) => PAUSE,
            Ok(false) => RARELY,
            Err(error) => {
                tracing::warn!(%error, "the database's log cannot be moved into its file, trying again");
                session = None;
                wrote.notify_one();
                RARELY
            }
        };
    }
    if let Some(session) = session {
        session.close().await;
    }
}

/// `false` if the log is large and could not be begun anew.
async fn move_commits(how: &Connect, session: &mut Option<Session>) -> Result<bool, DbErr> {
    let session = match session {
        Some(session) => session,
        none => {
            let connected = none.insert(Session::connect(how, ANSWER_LIMIT).await?);
            connected.execute_unprepared(PATIENCE).await?;
            connected
        }
    };
    let (_, pages) = run(session, PASSIVE).await?;
    if pages <= LARGE {
        return Ok(true);
    }
    let (was_busy, _) = run(session, RESTART).await?;
    Ok(!was_busy)
}

/// Returns whether it found somebody in its way, and how many pages the log has.
async fn run(session: &Session, checkpoint: &str) -> Result<(bool, i64), DbErr> {
    let checkpoint = Statement::from_string(session.get_database_backend(), checkpoint);
    let Some(row) = session.query_one_raw(checkpoint).await? else {
        return Ok((false, 0));
    };
    let busy: i64 = row.try_get("", "busy")?;
    Ok((busy != 0, row.try_get("", "log")?))
}
