//! Errors as gRPC tells them: the only file that builds a [`Status`].
//!
//! Every one carries a `google.rpc.ErrorInfo` of the domain `slacktide` with a stable reason and OCP's code
//! (`docs/contract.md`, "Error codes"). What went wrong inside is logged, never told.

use std::{collections::HashMap, error::Error, time::Duration};

use slacktide_engine::{allow::Refusal, commit};
use slacktide_store::StoreError;
use slacktide_telemetry::trace;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};
use tracing::Span;

use crate::{
    app::{AppError, Kind, Violations},
    auth::AuthError,
    iam::IamError,
};

const DOMAIN: &str = "slacktide";

/// When to try again after something that passes.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How much of a text is told, in characters. A status travels in HTTP headers, of which clients take 16 KiB,
/// and some texts echo what a caller sent.
const MAX_TEXT: usize = 512;

/// How many faults of one request are told, for the same reason. The message says how many more there are.
const MAX_FAULTS: usize = 6;

/// OCP's error codes.
mod ocp {
    pub(super) const NONE: i64 = 0;
    pub(super) const NO_RECORD: i64 = 1002;
    pub(super) const CONFLICT: i64 = 1005;
    pub(super) const UNSORTABLE: i64 = 1011;
    pub(super) const NOT_LOGGED_ON: i64 = 3000;
    pub(super) const USER_LOCKED: i64 = 3003;
    pub(super) const WRONG_PASSWORD: i64 = 3006;
    pub(super) const LOGON_BLOCKED: i64 = 3007;
    pub(super) const NO_PERMISSION: i64 = 3100;
    pub(super) const TASK_NOT_FOUND: i64 = 4001;
    pub(super) const TASK_STATE: i64 = 4007;
    pub(super) const CLUSTER_NOT_FOUND: i64 = 11001;
    pub(super) const CLUSTER_STATUS: i64 = 11007;
    pub(super) const OPERATION_UNFINISHED: i64 = 11020;
    pub(super) const ZONE_NOT_FOUND: i64 = 12002;
    pub(super) const ZONE_STATUS: i64 = 12004;
    pub(super) const SERVER_NOT_FOUND: i64 = 13001;
    pub(super) const SERVER_STATUS: i64 = 13003;
    pub(super) const ONLY_SERVER: i64 = 19020;
}

/// A status in the making.
struct Answer {
    code: Code,
    reason: &'static str,
    ocp_code: i64,
    metadata: HashMap<String, String>,
    details: ErrorDetails,
}

impl Answer {
    fn new(code: Code, reason: &'static str, ocp_code: i64) -> Self {
        Self {
            code,
            reason,
            ocp_code,
            metadata: HashMap::new(),
            details: ErrorDetails::new(),
        }
    }

    fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    fn retry(self) -> Self {
        self.retry_after(RETRY_AFTER)
    }

    fn retry_after(mut self, wait: Duration) -> Self {
        self.details.set_retry_info(Some(wait));
        self
    }

    fn fields(mut self, violations: &Violations) -> Self {
        let violations: Vec<_> = violations
            .0
            .iter()
            .take(MAX_FAULTS)
            .map(|fault| FieldViolation::new(&fault.field, clipped(&fault.description)))
            .collect();
        self.details.set_bad_request(violations);
        self
    }

    fn field(mut self, field: &str, error: &impl ToString) -> Self {
        self.details
            .add_bad_request_violation(field, clipped(error.to_string()));
        self
    }

    fn resource(mut self, kind: Kind, key: &str) -> Self {
        let name = match kind {
            Kind::Cluster => "slacktide.v1.Cluster",
            Kind::Zone => "slacktide.v1.Zone",
            Kind::Server => "slacktide.v1.Server",
            Kind::Task => "slacktide.v1.Task",
            Kind::Subtask => "slacktide.v1.Subtask",
            Kind::User => "slacktide.v1.User",
            Kind::Role => "slacktide.v1.Role",
        };
        self.details.set_resource_info(name, clipped(key), "", "");
        self
    }

    fn status(self, message: impl ToString) -> Status {
        let Self {
            code,
            reason,
            ocp_code,
            mut metadata,
            mut details,
        } = self;
        metadata.insert("ocp_code".to_owned(), ocp_code.to_string());
        details.set_error_info(reason, DOMAIN, metadata);
        Status::with_error_details(code, clipped(message), details)
    }
}

fn clipped(text: impl ToString) -> String {
    let mut text = text.to_string();
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl From<AppError> for Status {
    fn from(error: AppError) -> Self {
        let answer = match &error {
            AppError::Denied { permission, .. } => Answer::new(
                Code::PermissionDenied,
                "PERMISSION_DENIED",
                ocp::NO_PERMISSION,
            )
            .with("permission", permission),
            AppError::Invalid(violations) => {
                Answer::new(Code::InvalidArgument, "INVALID_ARGUMENT", ocp::NONE).fields(violations)
            }
            AppError::Unsortable { .. } => {
                Answer::new(Code::InvalidArgument, "UNSORTABLE_FIELD", ocp::UNSORTABLE)
                    .field("order_by", &error)
            }
            AppError::NotFound { kind, key } => {
                let (reason, code) = match kind {
                    Kind::Cluster => ("CLUSTER_NOT_FOUND", ocp::CLUSTER_NOT_FOUND),
                    Kind::Zone => ("ZONE_NOT_FOUND", ocp::ZONE_NOT_FOUND),
                    Kind::Server => ("SERVER_NOT_FOUND", ocp::SERVER_NOT_FOUND),
                    Kind::Task => ("TASK_NOT_FOUND", ocp::TASK_NOT_FOUND),
                    Kind::Subtask => ("SUBTASK_NOT_FOUND", ocp::TASK_NOT_FOUND),
                    Kind::User => ("USER_NOT_FOUND", ocp::NO_RECORD),
                    Kind::Role => ("ROLE_NOT_FOUND", ocp::NO_RECORD),
                };
                Answer::new(Code::NotFound, reason, code).resource(*kind, key)
            }
            AppError::Refused(refusal) => refused(refusal),
            AppError::RefusedByTask(refusal) => refused_by_task(refusal),
            AppError::RequestIdReused(_) => {
                Answer::new(Code::AlreadyExists, "REQUEST_ID_REUSED", ocp::CONFLICT)
                    .field("request_id", &error)
            }
            AppError::NameTaken { .. } => {
                Answer::new(Code::AlreadyExists, "CLUSTER_EXISTS", ocp::CONFLICT)
                    .field("cluster.name", &error)
            }
            AppError::ServerTaken { field, .. } => {
                Answer::new(Code::AlreadyExists, "SERVER_EXISTS", ocp::CONFLICT)
                    .field(field, &error)
            }
            AppError::Contended => Answer::new(Code::Aborted, "CONTENDED", ocp::CONFLICT).retry(),
            AppError::BeyondLast { last, .. } => {
                Answer::new(Code::OutOfRange, "REVISION_OUT_OF_RANGE", ocp::NONE)
                    .with("last_revision", last)
                    .field("after_revision", &error)
            }
            AppError::DrainingAfter(revision) => draining().with("after_revision", revision),
            AppError::Draining => draining(),
            AppError::Iam(refusal) => refused_by_iam(refusal),
            AppError::Auth(error) => return from_auth(error),
            AppError::Store(error) => return from_store(error),
            AppError::Internal(_) => return internal(&error),
        };
        answer.status(&error)
    }
}

/// An operation that the state of the cluster, or of a part of it, does not allow.
fn refused(refusal: &Refusal) -> Answer {
    let new = |reason, ocp_code| Answer::new(Code::FailedPrecondition, reason, ocp_code);
    match refusal {
        Refusal::Held { task, .. } => {
            new("OPERATION_UNFINISHED", ocp::OPERATION_UNFINISHED).with("active_task_id", task)
        }
        Refusal::Status { status, .. } => {
            new("CLUSTER_STATUS", ocp::CLUSTER_STATUS).with("status", status)
        }
        Refusal::ZoneStatus { status, .. } => {
            new("ZONE_STATUS", ocp::ZONE_STATUS).with("status", status)
        }
        Refusal::ServerStatus { status, .. } => {
            new("SERVER_STATUS", ocp::SERVER_STATUS).with("status", status)
        }
        Refusal::OnlyServer { .. } => new("ONLY_SERVER", ocp::ONLY_SERVER),
    }
}

/// A command that the state of the task, or of a subtask, does not allow.
fn refused_by_task(refusal: &commit::Refusal) -> Answer {
    let new = |reason| Answer::new(Code::FailedPrecondition, reason, ocp::TASK_STATE);
    match refusal {
        commit::Refusal::SubtaskState {
            subtask, status, ..
        } => new("SUBTASK_STATE")
            .with("subtask_id", subtask)
            .with("status", status),
        commit::Refusal::TaskState {
            task,
            status,
            operation,
            ..
        } => new("TASK_STATE")
            .with("task_id", task)
            .with("status", status)
            .with("operation", operation),
        _ => new("TASK_STATE"),
    }
}

/// Users and roles that are not managed as asked.
fn refused_by_iam(refusal: &IamError) -> Answer {
    let taken =
        |reason| Answer::new(Code::AlreadyExists, reason, ocp::CONFLICT).field("name", refusal);
    let unmet = |reason| Answer::new(Code::FailedPrecondition, reason, ocp::NONE);
    match refusal {
        IamError::UserTaken(_) => taken("USER_EXISTS"),
        IamError::RoleTaken(_) => taken("ROLE_EXISTS"),
        IamError::RoleInUse { user, .. } => unmet("ROLE_IN_USE").with("user", user),
        IamError::BuiltInRole(_) | IamError::BuiltInUser(_) => unmet("BUILT_IN"),
        IamError::Oneself(_) => unmet("ONESELF"),
        IamError::WrongOldPassword => Answer::new(
            Code::InvalidArgument,
            "WRONG_OLD_PASSWORD",
            ocp::WRONG_PASSWORD,
        )
        .field("old_password", refusal),
    }
}

fn draining() -> Answer {
    Answer::new(Code::Unavailable, "DRAINING", ocp::NONE).retry()
}

impl From<AuthError> for Status {
    fn from(error: AuthError) -> Self {
        from_auth(&error)
    }
}

fn from_auth(error: &AuthError) -> Status {
    let (reason, ocp_code) = match error {
        AuthError::Missing => ("NOT_SIGNED_IN", ocp::NOT_LOGGED_ON),
        AuthError::Malformed => ("MALFORMED_CREDENTIALS", ocp::NOT_LOGGED_ON),
        AuthError::Wrong => ("WRONG_CREDENTIALS", ocp::NOT_LOGGED_ON),
        AuthError::Locked => ("USER_LOCKED", ocp::USER_LOCKED),
        AuthError::TooManyFailures(wait) => {
            let answer = Answer::new(
                Code::Unauthenticated,
                "TOO_MANY_FAILURES",
                ocp::LOGON_BLOCKED,
            );
            return answer.retry_after(*wait).status(error);
        }
        AuthError::Store(error) => return from_store(error),
        AuthError::CutOff => return internal(error),
    };
    Answer::new(Code::Unauthenticated, reason, ocp_code).status(error)
}

fn from_store(error: &StoreError) -> Status {
    match error {
        StoreError::Database { .. }
        | StoreError::Unusable(_)
        | StoreError::NotWritable
        | StoreError::Closed => {
            tracing::error!(error = chain(error), "the database failed");
            Answer::new(Code::Unavailable, "DATABASE_UNAVAILABLE", ocp::NONE)
                .retry()
                .status("the database is not available: try again later")
        }
        StoreError::Conflict(_) => Answer::new(Code::Aborted, "CONTENDED", ocp::CONFLICT)
            .retry()
            .status(error),
        StoreError::NotFound { .. }
        | StoreError::Duplicate(_)
        | StoreError::Refused(_)
        | StoreError::Corrupt { .. } => internal(error),
    }
}

/// The answer where a bug ended the call. The panic's text is in the log already.
pub(super) fn after_panic() -> Status {
    tracing::error!("a call panicked");
    told_as_internal()
}

/// What the transport answered by itself, before any code of ours, in our words and with details. `None` for
/// a status of ours, which always has them.
pub(super) fn of_transport(status: Status) -> Option<Status> {
    if !status.details().is_empty() {
        return None;
    }
    let (code, reason) = match status.code() {
        Code::Internal => (Code::InvalidArgument, "MALFORMED_MESSAGE"),
        Code::OutOfRange => (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
        _ => return None,
    };
    let message = format!("the request cannot be read: {}", status.message());
    Some(Answer::new(code, reason, 0).status(message))
}

fn internal(error: &dyn Error) -> Status {
    tracing::error!(error = chain(error), "internal error");
    told_as_internal()
}

fn told_as_internal() -> Status {
    let trace_id = trace::trace_id(&Span::current());
    let message = format!("internal error, trace {trace_id}");
    Answer::new(Code::Internal, "INTERNAL", ocp::NONE)
        .with("trace_id", trace_id)
        .status(message)
}

/// An error with all its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
