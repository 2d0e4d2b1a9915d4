//! One session, in which every wait is bounded.

use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use mysql_async::{Conn, Opts, OptsBuilder, Row, Value, prelude::Queryable};
use slacktide_engine::cluster::{Driver, Server, SqlAccount};

use super::error::SqlError;

/// Set here, so that the server need not be asked before it is asked anything.
const PACKET: usize = 16 * 1024 * 1024;
const IDLE_SECONDS: usize = 28_800;

/// How many servers are tried at a time; each costs a file descriptor.
const AT_A_TIME: usize = 16;

/// How many servers of one cluster are asked at a time by a subtask that asks all of them.
pub(crate) const MOST_SESSIONS: usize = 64;

/// How long a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// To greet and let a session in.
    pub(crate) connect: Duration,
    /// To answer a statement.
    pub(crate) statement: Duration,
}

impl Default for Limits {
    /// The kernel tries for 30 s whether a server or zone may be stopped before it refuses.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            statement: Duration::from_secs(40),
        }
    }
}

/// A session of an account in one server.
pub(crate) struct Session {
    conn: Conn,
    address: String,
    limits: Limits,
}

/// A row in the text form of the protocol; `None` is NULL.
pub(crate) type Cells = Vec<Option<String>>;

/// The address of a server's SQL port, for messages.
pub(crate) fn address(server: &Server) -> String {
    format!("{}:{}", server.ip, server.sql_port)
}

/// Whether there is anything behind the address of a server. A simulated one has none of its own: whatever answers
/// there is somebody else's.
pub(crate) fn has_port(server: &Server) -> bool {
    !matches!(server.driver, Driver::Simulated { .. })
}

/// Opens a session.
///
/// # Errors
/// [`SqlError`].
pub(crate) async fn connect(
    server: &Server,
    account: &SqlAccount,
    limits: Limits,
) -> Result<Session, SqlError> {
    let options: Opts = OptsBuilder::default()
        .ip_or_hostname(server.ip.clone())
        .tcp_port(server.sql_port)
        .user(Some(account.user.clone()))
        .pass(Some(account.password.clone()))
        // Asked for the path of its socket, a server would be dialled on a host that need not be this one.
        .prefer_socket(Some(false))
        .max_allowed_packet(Some(PACKET))
        .wait_timeout(Some(IDLE_SECONDS))
        .stmt_cache_size(Some(0))
        .into();
    let address = address(server);
    let conn = match tokio::time::timeout(limits.connect, Conn::new(options)).await {
        Ok(conn) => conn.map_err(|error| SqlError::of(&address, error))?,
        Err(_) => {
            return Err(SqlError::Timeout {
                address,
                request: "a connection",
                limit: limits.connect,
            });
        }
    };
    Ok(Session {
        conn,
        address,
        limits,
    })
}

/// Opens a session in whichever of the servers is first to let it in.
///
/// # Errors
/// [`SqlError`] of one that did not, where none did.
pub(crate) async fn connect_any(
    servers: &[Server],
    account: &SqlAccount,
    limits: Limits,
) -> Result<Session, SqlError> {
    let sessions = servers.iter();
    let sessions: Vec<_> = sessions
        .map(|server| connect(server, account, limits).boxed())
        .collect();
    let mut sessions = stream::iter(sessions).buffer_unordered(AT_A_TIME);
    let mut refusal = None;
    while let Some(session) = sessions.next().await {
        match session {
            Ok(session) => return Ok(session),
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.unwrap_or_else(|| SqlError::Unexpected {
        address: "cluster".to_owned(),
        reason: "it has no server that could be asked".to_owned(),
    }))
}

impl Session {
    /// Address of the server's SQL port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Runs a statement without a result.
    ///
    /// # Errors
    /// [`SqlError`].
    pub(crate) async fn execute(&mut self, statement: &str) -> Result<(), SqlError> {
        self.rows(statement).await.map(drop)
    }

    /// Runs a query.
    ///
    /// # Errors
    /// [`SqlError`].
    pub(crate) async fn rows(&mut self, query: &str) -> Result<Vec<Cells>, SqlError> {
        let limit = self.limits.statement;
        match tokio::time::timeout(limit, self.conn.query::<Row, _>(query)).await {
            Ok(rows) => {
                let rows = rows.map_err(|error| SqlError::of(&self.address, error))?;
                Ok(rows.into_iter().map(cells).collect())
            }
            Err(_) => Err(SqlError::Timeout {
                address: self.address.clone(),
                request: "a statement",
                limit,
            }),
        }
    }

    pub(super) fn unexpected(&self, reason: impl Into<String>) -> SqlError {
        SqlError::Unexpected {
            address: self.address.clone(),
            reason: reason.into(),
        }
    }
}

fn cells(row: Row) -> Cells {
    row.unwrap_raw().into_iter().map(cell).collect()
}

fn cell(value: Option<Value>) -> Option<String> {
    match value? {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    }
}

/// Text as it stands in a statement.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).as_sql(false)
}
