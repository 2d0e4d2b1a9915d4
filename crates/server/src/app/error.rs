//! What can keep a use case from doing what it was asked.

use std::fmt;

use slacktide_engine::{allow, commit, id::TaskId};
use slacktide_store::StoreError;

use crate::{auth::AuthError, iam::IamError};

/// Why a use case did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error(
        "user {user} lacks the permission {permission}: ask an administrator for a role that has it"
    )]
    Denied { user: String, permission: String },
    #[error(transparent)]
    Invalid(#[from] Violations),
    #[error("field {field:?} cannot be sorted by: use one of {allowed}")]
    Unsortable { field: String, allowed: String },
    #[error("there is no {kind} {key}")]
    NotFound { kind: Kind, key: String },
    #[error(transparent)]
    Refused(#[from] allow::Refusal),
    /// An operator's command that the state of the task or the subtask does not allow.
    #[error(transparent)]
    RefusedByTask(commit::Refusal),
    #[error("request_id {0:?} was used for another request: choose a new one")]
    RequestIdReused(String),
    #[error("cluster {name} is registered with another topology: {difference}")]
    NameTaken { name: String, difference: String },
    #[error("{field} is taken: {holder}")]
    ServerTaken { field: String, holder: String },
    #[error("others changed the same again and again: try again")]
    Contended,
    #[error("after_revision {after} is beyond {last}, the last revision of task {task}")]
    BeyondLast { task: TaskId, after: i64, last: i64 },
    /// A stream of a task's changes ends early; it is resumed after this revision.
    #[error("draining; resume with after_revision={0}")]
    DrainingAfter(i64),
    /// A stream that is not resumed but begun again ends early.
    #[error("draining; begin the stream again")]
    Draining,
    #[error(transparent)]
    Iam(#[from] IamError),
    /// What the caller presents beside the credentials of the call.
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Store(StoreError),
    #[error("{0}")]
    Internal(String),
}

/// What was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Cluster,
    Zone,
    Server,
    Task,
    Subtask,
    User,
    Role,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster => "cluster",
            Self::Zone => "zone",
            Self::Server => "server",
            Self::Task => "task",
            Self::Subtask => "subtask",
            Self::User => "user",
            Self::Role => "role",
        })
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound {
                kind: "cluster",
                key,
            } => Self::not_found(Kind::Cluster, key),
            StoreError::NotFound { kind: "task", key } => Self::not_found(Kind::Task, key),
            StoreError::NotFound { kind: "user", key } => Self::not_found(Kind::User, key),
            StoreError::NotFound { kind: "role", key } => Self::not_found(Kind::Role, key),
            StoreError::NotFound {
                kind: "subtask",
                key,
            } => Self::not_found(Kind::Subtask, key),
            StoreError::Refused(commit::Refusal::UnknownSubtask(id)) => {
                Self::not_found(Kind::Subtask, id)
            }
            StoreError::Refused(
                refusal
                @ (commit::Refusal::TaskState { .. } | commit::Refusal::SubtaskState { .. }),
            ) => Self::RefusedByTask(refusal),
            other => Self::Store(other),
        }
    }
}

impl AppError {
    pub(crate) fn not_found(kind: Kind, key: impl fmt::Display) -> Self {
        Self::NotFound {
            kind,
            key: key.to_string(),
        }
    }
}

/// Faults of a request, each with the path of its field. Collected, so that a caller sees all of them.
#[derive(Debug, Default)]
pub(crate) struct Violations(pub(crate) Vec<Violation>);

/// One fault.
#[derive(Debug)]
pub(crate) struct Violation {
    /// Path of the field from the request on, for example `cluster.zones[1].name`.
    pub(crate) field: String,
    /// What it must be.
    pub(crate) description: String,
}

impl Violations {
    pub(crate) fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation {
            field: field.into(),
            description: description.into(),
        });
    }

    /// The error, if there was any fault.
    pub(crate) fn into_result(self) -> Result<(), AppError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.into())
        }
    }
}

impl std::error::Error for Violations {}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else {
            return f.write_str("invalid request");
        };
        write!(f, "{} {}", first.field, first.description)?;
        match self.0.len() - 1 {
            0 => Ok(()),
            1 => f.write_str(" (and 1 more fault)"),
            more => write!(f, " (and {more} more faults)"),
        }
    }
}
