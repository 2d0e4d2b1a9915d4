//! Errors as gRPC tells them: the only file that builds a [`Status`].
//!
//! Every one carries a `google.rpc.ErrorInfo` of the domain `slacktide` with a stable reason and OCP's code
//! (`docs/contract.md`, "Error codes"). What went wrong inside is logged, never told.

use std::{collections::HashMap, error::Error, time::Duration};

use slacktide_engine::cluster::Refusal;
use slacktide_store::StoreError;
use slacktide_telemetry::trace;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};
use tracing::Span;

use crate::{
    app::{AppError, Kind, Violations},
    auth::AuthError,
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
    pub(super) const CONFLICT: i64 = 1005;
    pub(super) const UNSORTABLE: i64 = 1011;
    pub(super) const NOT_LOGGED_ON: i64 = 3000;
    pub(super) const NO_PERMISSION: i64 = 3100;
    pub(super) const TASK_NOT_FOUND: i64 = 4001;
    pub(super) const CLUSTER_NOT_FOUND: i64 = 11001;
    pub(super) const CLUSTER_STATUS: i64 = 11007;
    pub(super) const OPERATION_UNFINISHED: i64 = 11020;
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

    fn retry(mut self) -> Self {
        self.details.set_retry_info(Some(RETRY_AFTER));
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

    fn field(mut self, field: &str, error: &AppError) -> Self {
        self.details
            .add_bad_request_violation(field, clipped(error));
        self
    }

    fn resource(mut self, kind: Kind, id: i64) -> Self {
        let name = match kind {
            Kind::Cluster => "slacktide.v1.Cluster",
            Kind::Task => "slacktide.v1.Task",
            Kind::Subtask => "slacktide.v1.Subtask",
        };
        self.details.set_resource_info(name, id.to_string(), "", "");
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
            AppError::NotFound { kind, id } => {
                let (reason, code) = match kind {
                    Kind::Cluster => ("CLUSTER_NOT_FOUND", ocp::CLUSTER_NOT_FOUND),
                    Kind::Task => ("TASK_NOT_FOUND", ocp::TASK_NOT_FOUND),
                    Kind::Subtask => ("SUBTASK_NOT_FOUND", ocp::TASK_NOT_FOUND),
                };
                Answer::new(Code::NotFound, reason, code).resource(*kind, *id)
            }
            AppError::Refused(Refusal::Held { task, .. }) => Answer::new(
                Code::FailedPrecondition,
                "OPERATION_UNFINISHED",
                ocp::OPERATION_UNFINISHED,
            )
            .with("active_task_id", task),
            AppError::Refused(Refusal::Status { status, .. }) => Answer::new(
                Code::FailedPrecondition,
                "CLUSTER_STATUS",
                ocp::CLUSTER_STATUS,
            )
            .with("status", status),
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
            AppError::Draining(revision) => Answer::new(Code::Unavailable, "DRAINING", ocp::NONE)
                .with("after_revision", revision)
                .retry(),
            AppError::Store(error) => return from_store(error),
            AppError::Internal(_) => return internal(&error),
        };
        answer.status(&error)
    }
}

impl From<AuthError> for Status {
    fn from(error: AuthError) -> Self {
        let reason = match &error {
            AuthError::Missing => "NOT_SIGNED_IN",
            AuthError::Malformed => "MALFORMED_CREDENTIALS",
            AuthError::Wrong => "WRONG_CREDENTIALS",
            AuthError::Store(error) => return from_store(error),
            AuthError::CutOff => return internal(&error),
        };
        Answer::new(Code::Unauthenticated, reason, ocp::NOT_LOGGED_ON).status(&error)
    }
}

fn from_store(error: &StoreError) -> Status {
    match error {
        StoreError::Database { .. } | StoreError::NotWritable | StoreError::Closed => {
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
mod tests {
    use super::*;

    fn reason(status: &Status) -> String {
        status
            .get_error_details()
            .error_info()
            .unwrap()
            .reason
            .clone()
    }

    #[test]
    fn a_database_that_fails_is_told_as_unavailable_and_when_to_retry() {
        let status = Status::from(AppError::from(StoreError::Closed));
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(reason(&status), "DATABASE_UNAVAILABLE");
        let details = status.get_error_details();
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(RETRY_AFTER));
        let status = Status::from(AuthError::from(StoreError::Closed));
        assert_eq!(status.code(), Code::Unavailable);
    }

    #[test]
    fn what_went_wrong_inside_is_not_told() {
        let corrupt = StoreError::Corrupt {
            kind: "task",
            key: "7".to_owned(),
            reason: "a secret".to_owned(),
        };
        for error in [
            AppError::from(corrupt),
            AppError::Internal("a secret".to_owned()),
        ] {
            let status = Status::from(error);
            assert_eq!(status.code(), Code::Internal);
            assert!(status.message().starts_with("internal error, trace "));
            assert!(!format!("{status:?}").contains("secret"));
        }
    }

    #[test]
    fn a_status_fits_into_headers_whatever_a_caller_sent() {
        let mut violations = Violations::default();
        for server in 0..3000 {
            let field = format!("cluster.zones[0].servers[{server}].driver.process.base_dir");
            violations.add(field, "ü".repeat(4000));
        }
        let unsortable = AppError::Unsortable {
            field: "x".repeat(1_000_000),
            allowed: "id".to_owned(),
        };
        for error in [AppError::from(violations), unsortable] {
            let headers = Status::from(error).into_http::<()>().into_parts().0.headers;
            let size: usize = headers.values().map(|value| value.len()).sum();
            assert!(size < 15_000, "{size} bytes");
        }
    }
}
