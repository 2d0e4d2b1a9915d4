//! What can go wrong with the database, classified once.

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};
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
    /// Databases name the violated columns or index in the message, and nowhere else portably.
    fn of(message: &str) -> Self {
        if message.contains("cluster.name") {
            Self::ClusterName
        } else if message.contains("server.") {
            Self::ServerAddress
        } else if message.contains("user_account.name") {
            Self::UserName
        } else if message.contains("idempotency_key.") {
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

    /// Whether the same transaction may well succeed if it is begun again: the database was busy.
    pub(crate) fn is_transient(&self) -> bool {
        let Self::Database {
            source: DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause),
            ..
        } = self
        else {
            return false;
        };
        let RuntimeErr::SqlxError(error) = cause else {
            return false;
        };
        let sqlx::Error::Database(error) = error.as_ref() else {
            return false;
        };
        // SQLITE_BUSY, SQLITE_LOCKED, and BUSY_SNAPSHOT.
        matches!(error.code().as_deref(), Some("5" | "6" | "517"))
    }
}
