//! What can go wrong with the database, classified once.

use sea_orm::{DbErr, RuntimeErr, SqlErr};
use slacktide_engine::commit::Refusal;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row.
    #[error("there is no {kind} {key}")]
    NotFound {
        /// What was looked for: `cluster`, `task`, …
        kind: &'static str,
        /// By what.
        key: String,
    },
    /// A value that must be unique is taken.
    #[error("{0} is taken")]
    Duplicate(Duplicate),
    /// Somebody else changed the row first: read again and decide again.
    #[error("{0} was changed by somebody else meanwhile")]
    Conflict(&'static str),
    /// The engine refuses the event.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A row holds what this version cannot read.
    #[error("the {kind} row {key} cannot be read: {reason}")]
    Corrupt {
        /// Table.
        kind: &'static str,
        /// Row.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database answered with an error.
    #[error("database error during {operation}")]
    Database {
        /// What was being done.
        operation: &'static str,
        /// The error.
        #[source]
        source: DbErr,
    },
    /// The database cannot be used by this version as it is: its server is too old, or its schema is another.
    #[error("{0}")]
    Unusable(String),
    /// The database answers, but did not take what was written last.
    #[error("the database does not take writes")]
    NotWritable,
    /// The store is closed or its writer is gone.
    #[error("the store is closed")]
    Closed,
}

/// Which unique value is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicate {
    /// The name of a cluster.
    ClusterName,
    /// An address of a server: its SQL port, its RPC port, or its base directory on a host.
    ServerAddress,
    /// The name of a user.
    UserName,
    /// The name of a role.
    RoleName,
    /// An idempotency key.
    RequestId,
    /// Any other.
    Other,
}

impl std::fmt::Display for Duplicate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ClusterName => "the name of the cluster",
            Self::ServerAddress => "the address or the base directory of a server",
            Self::UserName => "the name of the user",
            Self::RoleName => "the name of the role",
            Self::RequestId => "the request id",
            Self::Other => "a unique value",
        })
    }
}

impl From<DbErr> for StoreError {
    fn from(source: DbErr) -> Self {
        match source.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(message)) => {
                Self::Duplicate(Duplicate::of(&message))
            }
            _ => Self::Database {
                operation: "a statement",
                source,
            },
        }
    }
}

impl Duplicate {
    /// Databases name the violated index, SQLite its columns, in the message, and nowhere else portably.
    fn of(message: &str) -> Self {
        // MySQL's message begins with the value, which may say anything.
        let place = message.rsplit(" for key ").next().unwrap_or(message);
        let names = |parts: &[&str]| parts.iter().any(|part| place.contains(part));
        if names(&["cluster.name", "v1_cluster_name"]) {
            Self::ClusterName
        } else if names(&["server.", "v1_server_"]) {
            Self::ServerAddress
        } else if names(&["user_account.name", "v1_user_account_name"]) {
            Self::UserName
        } else if names(&["custom_role.name", "v3_custom_role_name"]) {
            Self::RoleName
        } else if names(&["idempotency_key"]) {
            Self::RequestId
        } else {
            Self::Other
        }
    }
}

impl StoreError {
    pub(crate) fn not_found(kind: &'static str, key: impl std::fmt::Display) -> Self {
        Self::NotFound {
            kind,
            key: key.to_string(),
        }
    }

    pub(crate) fn corrupt(
        kind: &'static str,
        key: impl std::fmt::Display,
        reason: impl std::fmt::Display,
    ) -> Self {
        Self::Corrupt {
            kind,
            key: key.to_string(),
            reason: reason.to_string(),
        }
    }

    /// Names the operation in an error of the database.
    pub(crate) fn during(self, operation: &'static str) -> Self {
        match self {
            Self::Database { source, .. } => Self::Database { operation, source },
            other => other,
        }
    }

    /// Whether the same transaction may well succeed if it is begun again: the database was busy, or chose this
    /// one to break a deadlock.
    pub(crate) fn is_transient(&self) -> bool {
        let Some(sqlx::Error::Database(error)) = self.sqlx() else {
            return false;
        };
        match server_code(error.as_ref()) {
            // SQLITE_BUSY, SQLITE_LOCKED, and BUSY_SNAPSHOT.
            Code::Sqlite(code) => matches!(code.as_str(), "5" | "6" | "517"),
            // Serialization failure, deadlock, and a lock that was not to be had in time.
            Code::Postgres(code) => matches!(code.as_str(), "40001" | "40P01" | "55P03"),
            Code::Mysql(number) => MYSQL_TRANSIENT.contains(&number),
        }
    }

    /// Whether the connection is gone, or is going: nothing more can be done on it.
    pub(crate) fn is_lost(&self) -> bool {
        match self.sqlx() {
            Some(sqlx::Error::Database(error)) => match server_code(error.as_ref()) {
                Code::Sqlite(_) => false,
                // The server is being stopped, has crashed, has ended the session, or takes no writes any more.
                Code::Postgres(code) => {
                    code.starts_with("57P") || code.starts_with("08") || code == "25006"
                }
                Code::Mysql(number) => MYSQL_LOST.contains(&number),
            },
            Some(
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed,
            ) => true,
            _ => false,
        }
    }

    /// Whether COMMIT's own error proves that nothing was committed. MySQL's and OceanBase's may come after the
    /// commit was handed on, but for those that say it was undone.
    pub(crate) fn is_undone_commit(&self) -> bool {
        match self.sqlx() {
            Some(sqlx::Error::Database(error)) => match server_code(error.as_ref()) {
                Code::Sqlite(_) => true,
                Code::Postgres(_) => !self.is_lost(),
                Code::Mysql(_) => self.is_transient(),
            },
            _ => false,
        }
    }

    /// The same error of the database, for another who waits for the same answer.
    pub(crate) fn lost_again(&self) -> Self {
        match self {
            Self::Database { operation, source } => Self::Database {
                operation,
                source: source.clone(),
            },
            _ => Self::Closed,
        }
    }

    fn sqlx(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Database {
                source:
                    DbErr::Conn(RuntimeErr::SqlxError(error))
                    | DbErr::Exec(RuntimeErr::SqlxError(error))
                    | DbErr::Query(RuntimeErr::SqlxError(error)),
                ..
            } => Some(error),
            _ => None,
        }
    }
}

/// Lock wait timeout and deadlock; OceanBase's: transaction undone, killed, or stuck on a row's lock.
const MYSQL_TRANSIENT: [u16; 5] = [1205, 1213, 6002, 6003, 6005];

/// Server shutdown in progress, and a session or query that was killed; a server that became a replica, which
/// keeps its sessions: a new one finds the primary.
const MYSQL_LOST: [u16; 6] = [1053, 1317, 1927, 4031, 1290, 1836];

/// What a server calls an error.
pub(crate) enum Code {
    Sqlite(String),
    Postgres(String),
    Mysql(u16),
}

/// What the server calls the error.
pub(crate) fn server_code(error: &dyn sqlx::error::DatabaseError) -> Code {
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Code::Mysql(error.number());
    }
    let code = error.code().unwrap_or_default().into_owned();
    match error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        Some(_) => Code::Postgres(code),
        None => Code::Sqlite(code),
    }
}
