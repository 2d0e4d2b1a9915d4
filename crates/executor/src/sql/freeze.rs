//! A minor freeze: what is in memory goes to disk, so that the next start replays less.

use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use slacktide_engine::cluster::{Server, SqlAccount};
use tokio::time::Instant;

use super::{
    error::SqlError,
    session::{Limits, MOST_SESSIONS, Session, address, connect, quoted},
};
use crate::run_log::RunLog;

/// How often the progress of a freeze is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

const CHECKPOINT: &str = "SELECT MIN(checkpoint_scn) FROM oceanbase.__all_virtual_ls_info";

/// Why a freeze was not done, or not seen to end.
#[derive(Debug, thiserror::Error)]
enum Skip {
    #[error(transparent)]
    Sql(#[from] SqlError),
    #[error("the checkpoint did not pass the freeze within {:.1} s", .0.as_secs_f64())]
    NotPassed(Duration),
    #[error("the time for freezes is over")]
    TooLate,
}

/// Freezes these servers' memory tables, a bounded number at a time, and waits until their checkpoints have passed the
/// freeze, for `limit` in all. Whatever keeps one from that is told to the log; it never fails a stop.
pub(crate) async fn minor_freezes(
    servers: &[Server],
    account: &SqlAccount,
    limit: Duration,
    log: &RunLog,
) {
    let over = Instant::now() + limit;
    let freezes: Vec<_> = servers
        .iter()
        .map(|server| minor_freeze(server, account, over, log).boxed())
        .collect();
    let freezes = stream::iter(freezes).buffer_unordered(MOST_SESSIONS);
    freezes.collect::<()>().await;
}

async fn minor_freeze(server: &Server, account: &SqlAccount, over: Instant, log: &RunLog) {
    let address = address(server);
    let began = Instant::now();
    match freeze(server, account, over, log).await {
        Ok(()) => {
            let took = began.elapsed().as_millis();
            log.line(format!("{address}: minor freeze passed after {took} ms"));
        }
        Err(skip) => log.line(format!(
            "{address}: minor freeze skipped, the stop goes on: {skip}"
        )),
    }
}

async fn freeze(
    server: &Server,
    account: &SqlAccount,
    over: Instant,
    log: &RunLog,
) -> Result<(), Skip> {
    if Instant::now() >= over {
        return Err(Skip::TooLate);
    }
    let address = address(server);
    log.line(format!(
        "{address}: opening an SQL session as {}",
        account.user
    ));
    let mut session = connect(server, account, Limits::default()).await?;
    let before = checkpoint(&mut session, server).await?;
    log.line(format!(
        "{address}: checkpoint before the freeze is {before}"
    ));

    let name = quoted(&format!("{}:{}", server.ip, server.rpc_port));
    let of_server = format!("ALTER SYSTEM MINOR FREEZE SERVER = ({name})");
    match execute(&mut session, &of_server, log).await {
        Err(SqlError::NotSupported { .. }) => {
            log.line(format!(
                "{address}: a single-node engine: freezing all of it"
            ));
            execute(&mut session, "ALTER SYSTEM MINOR FREEZE", log).await?;
        }
        done => done?,
    }

    let limit = over.saturating_duration_since(Instant::now());
    log.line(format!(
        "{address}: waiting up to {:.1} s for the checkpoint to pass",
        limit.as_secs_f64()
    ));
    let passed = async {
        while checkpoint(&mut session, server).await? <= before {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    };
    tokio::time::timeout(limit, passed)
        .await
        .unwrap_or(Err(Skip::NotPassed(limit)))
}

async fn execute(session: &mut Session, statement: &str, log: &RunLog) -> Result<(), SqlError> {
    log.line(format!("{}: {statement}", session.address()));
    session.execute(statement).await.inspect_err(|error| {
        log.line(error.to_string());
    })
}

/// The oldest checkpoint of the server's log streams.
async fn checkpoint(session: &mut Session, server: &Server) -> Result<u64, SqlError> {
    let of_server = format!(
        "{CHECKPOINT} WHERE svr_ip = {} AND svr_port = {}",
        quoted(&server.ip),
        server.rpc_port
    );
    // A single-node engine may show its streams under another address.
    for query in [of_server.as_str(), CHECKPOINT] {
        let rows = session.rows(query).await?;
        let cell = rows.into_iter().flatten().flatten().next();
        if let Some(checkpoint) = cell.and_then(|text| text.parse().ok()) {
            return Ok(checkpoint);
        }
    }
    Err(session.unexpected("it shows no checkpoint"))
}
