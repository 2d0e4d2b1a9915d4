//! Sessions to a server over the MySQL protocol. Every wait is bounded: a halted server accepts connections
//! and then says nothing for ever.

use std::time::{Duration, Instant};

use mysql_async::{Conn, Error, Opts, OptsBuilder, prelude::Queryable};
use slacktide_engine::cluster::{Server, SqlAccount};

use crate::run_log::RunLog;

/// How long a server has to greet and to let a session in.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long one statement may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(40);

/// How often the progress of a freeze is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

const CHECKPOINT: &str = "SELECT MIN(checkpoint_scn) FROM oceanbase.__all_virtual_ls_info \
     WHERE svr_ip = ? AND svr_port = ?";
const CHECKPOINT_OF_ALL: &str = "SELECT MIN(checkpoint_scn) FROM oceanbase.__all_virtual_ls_info";

/// Errors by which a server says that it does not know a statement, a table or a column.
const UNKNOWN_HERE: [u16; 3] = [1064, 1146, 1054];

/// Why a freeze was not done, or not seen to end.
#[derive(Debug, thiserror::Error)]
enum Skip {
    #[error("no session within {} s", CONNECT_LIMIT.as_secs())]
    NoSession,
    #[error("no answer within {} s", STATEMENT_LIMIT.as_secs())]
    NoAnswer,
    #[error("this engine does not know it: {0}")]
    NotSupported(String),
    #[error("the checkpoint did not pass the freeze within {} s", .0.as_secs())]
    NotPassed(Duration),
    #[error("{0}")]
    Sql(String),
}

impl From<Error> for Skip {
    fn from(error: Error) -> Self {
        match error {
            Error::Server(error) if UNKNOWN_HERE.contains(&error.code) => {
                Self::NotSupported(format!("error {}, {}", error.code, error.message))
            }
            Error::Server(error) => Self::Sql(format!("error {}, {}", error.code, error.message)),
            error => Self::Sql(error.to_string()),
        }
    }
}

/// Freezes a server's memory tables and waits until the checkpoint has passed the freeze, within `limit`.
/// Whatever keeps it from that is told to the log; it never fails a stop.
pub(crate) async fn minor_freeze(
    server: &Server,
    account: &SqlAccount,
    limit: Duration,
    log: &RunLog,
) {
    let address = format!("{}:{}", server.ip, server.sql_port);
    let began = Instant::now();
    match freeze(server, account, limit, log, &address).await {
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
    limit: Duration,
    log: &RunLog,
    address: &str,
) -> Result<(), Skip> {
    log.line(format!(
        "{address}: opening an SQL session as {}",
        account.user
    ));
    let mut session = connect(server, account).await?;
    let before = checkpoint(&mut session, server).await?;
    log.line(format!(
        "{address}: checkpoint before the freeze is {before}"
    ));

    let of_server = format!(
        "ALTER SYSTEM MINOR FREEZE SERVER = ('{}:{}')",
        server.ip, server.rpc_port
    );
    match execute(&mut session, &of_server, log, address).await {
        Err(Skip::NotSupported(_)) => {
            log.line(format!(
                "{address}: a single-node engine: freezing all of it"
            ));
            execute(&mut session, "ALTER SYSTEM MINOR FREEZE", log, address).await?;
        }
        done => done?,
    }

    log.line(format!(
        "{address}: waiting up to {} s for the checkpoint to pass",
        limit.as_secs()
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

async fn connect(server: &Server, account: &SqlAccount) -> Result<Conn, Skip> {
    let options: Opts = OptsBuilder::default()
        .ip_or_hostname(server.ip.clone())
        .tcp_port(server.sql_port)
        .user(Some(account.user.clone()))
        .pass(Some(account.password.clone()))
        // Asked for the path of its socket, a server would be dialled on a host that need not be this one.
        .prefer_socket(Some(false))
        .stmt_cache_size(Some(0))
        .into();
    let session = tokio::time::timeout(CONNECT_LIMIT, Conn::new(options));
    Ok(session.await.map_err(|_| Skip::NoSession)??)
}

async fn execute(
    session: &mut Conn,
    statement: &str,
    log: &RunLog,
    address: &str,
) -> Result<(), Skip> {
    log.line(format!("{address}: {statement}"));
    let answer = tokio::time::timeout(STATEMENT_LIMIT, session.query_drop(statement)).await;
    answer
        .map_err(|_| Skip::NoAnswer)?
        .map_err(Skip::from)
        .inspect_err(|skip| {
            log.line(format!("{address}: {skip}"));
        })
}

/// The oldest checkpoint of the server's log streams.
async fn checkpoint(session: &mut Conn, server: &Server) -> Result<u64, Skip> {
    let of_server = session.exec_first(CHECKPOINT, (server.ip.as_str(), server.rpc_port));
    let found: Option<Option<u64>> = bounded(of_server).await?;
    if let Some(checkpoint) = found.flatten() {
        return Ok(checkpoint);
    }
    // A single-node engine may show its streams under another address.
    let found: Option<Option<u64>> = bounded(session.query_first(CHECKPOINT_OF_ALL)).await?;
    found
        .flatten()
        .ok_or_else(|| Skip::NotSupported("it shows no checkpoint".to_owned()))
}

async fn bounded<T>(statement: impl Future<Output = Result<T, Error>>) -> Result<T, Skip> {
    let answer = tokio::time::timeout(STATEMENT_LIMIT, statement).await;
    Ok(answer.map_err(|_| Skip::NoAnswer)??)
}
