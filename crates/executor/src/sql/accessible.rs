//! Whether a server serves: it accepts, greets, and answers.

use std::time::Duration;

use slacktide_engine::cluster::{Server, SqlAccount};
use tokio::sync::Semaphore;

use super::{
    error::{Class, SqlError},
    greeting::greeting,
    session::{Limits, connect},
};
use crate::run_log::RunLog;

/// A server that serves answers in milliseconds.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    statement: Duration::from_secs(5),
};
const POLL: Duration = Duration::from_millis(200);

/// Asks once. Without an account, the greeting alone counts.
///
/// # Errors
/// [`SqlError`]; a transient one means "not yet".
pub(crate) async fn accessible(
    server: &Server,
    account: Option<&SqlAccount>,
) -> Result<(), SqlError> {
    let Some(account) = account else {
        return greeting(&server.ip, server.sql_port, LIMITS.connect).await;
    };
    let mut session = connect(server, account, LIMITS).await?;
    let rows = session.rows("SELECT 1").await?;
    match rows.first().and_then(|row| row.first()) {
        Some(Some(one)) if one == "1" => Ok(()),
        _ => Err(session.unexpected("it does not answer SELECT 1 with 1")),
    }
}

/// Asks until the server serves, each time when `asking` has room for it. Ends only by that or by what no waiting
/// helps against: the caller bounds it.
///
/// # Errors
/// [`SqlError`], a permanent one.
pub(crate) async fn wait_accessible(
    server: &Server,
    account: Option<&SqlAccount>,
    asking: &Semaphore,
    log: &RunLog,
) -> Result<(), SqlError> {
    let mut told = String::new();
    loop {
        let asked = {
            // Nobody closes it: without a permit there is no bound, and nothing else is lost.
            let _room = asking.acquire().await;
            accessible(server, account).await
        };
        let text = match asked {
            Err(error) if error.class() == Class::Transient => error.to_string(),
            asked => return asked,
        };
        if text != told {
            log.line(format!("waiting: {text}"));
            told = text;
        }
        tokio::time::sleep(POLL).await;
    }
}
