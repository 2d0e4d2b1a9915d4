//! From gRPC's errors to REST's.

use std::{collections::BTreeMap, time::Duration};

use http::StatusCode;
use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, ErrorInfo, StatusExt as _};

use super::{ApiError, Message, Text, chinese, code};
use crate::long::Long;

/// The domain of the server's own `google.rpc.ErrorInfo`.
const DOMAIN: &str = "slacktide";

/// Key of OCP's error code in the metadata of an ErrorInfo.
const OCP_CODE: &str = "ocp_code";

/// A task whose state refuses an operation, or forbids its rollback: OCP answers these with 400, though a
/// cluster whose state refuses is a conflict.
const TASK_STATE_CODES: [i64; 2] = [4007, 4009];

impl From<Status> for ApiError {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let ocp_code = info
            .and_then(|info| info.metadata.get(OCP_CODE)?.parse().ok())
            .unwrap_or_else(|| usual_code(status.code()));
        let http = http_status(status.code(), ocp_code);
        if http == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(code = ?status.code(), error = status.message(), "call failed");
            return Self::internal();
        }
        let reason = info.map_or("", |info| info.reason.as_str());
        // Without the server's own details it is the way to the server that failed, and the status speaks
        // of sockets and addresses.
        let message = match (info, transport_text(status.code())) {
            (None, Some(text)) => {
                tracing::warn!(code = ?status.code(), error = status.message(), "server not reached");
                Message::Gateway(text)
            }
            _ => Message::Server(
                status.message().to_owned(),
                chinese::sentences(reason, ocp_code, http),
            ),
        };
        let mut error = Self::new(http, ocp_code, message);
        error.target = target(info, &details);
        error.fields = fields(&details);
        error.retry_after = details
            .retry_info()
            .and_then(|info| info.retry_delay)
            .map(whole_seconds);
        error
    }
}

fn http_status(code: Code, ocp_code: i64) -> StatusCode {
    match code {
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::FailedPrecondition if TASK_STATE_CODES.contains(&ocp_code) => StatusCode::BAD_REQUEST,
        Code::FailedPrecondition => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        // The gateway cancels nothing that it still answers: tonic reports its own timeout as CANCELLED.
        Code::DeadlineExceeded | Code::Cancelled => StatusCode::GATEWAY_TIMEOUT,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// OCP's code where the server names none.
fn usual_code(code: Code) -> i64 {
    match code {
        Code::Unauthenticated => code::NOT_LOGGED_ON,
        Code::PermissionDenied => code::NO_PERMISSION,
        Code::Unimplemented => code::NOT_IMPLEMENTED,
        _ => code::NONE,
    }
}

/// What to say instead of the transport's own words; `None` for a code that no transport gives.
fn transport_text(code: Code) -> Option<Text> {
    match code {
        Code::Unavailable => Some(Text::Unreachable),
        Code::DeadlineExceeded | Code::Cancelled => Some(Text::NoAnswer),
        Code::OutOfRange => Some(Text::AnswerTooLarge),
        Code::Unimplemented => Some(Text::UnknownCall),
        _ => None,
    }
}

/// The metadata of the ErrorInfo and the resource, under REST's spelling.
fn target(info: Option<&ErrorInfo>, details: &ErrorDetails) -> BTreeMap<String, Value> {
    let mut target: BTreeMap<String, Value> = info
        .into_iter()
        .flat_map(|info| &info.metadata)
        .filter(|(key, _)| *key != OCP_CODE)
        .map(|(key, value)| (camel_case(key), member(key, value)))
        .collect();
    if let Some(resource) = details.resource_info() {
        let members = [
            ("resourceType", &resource.resource_type),
            ("resourceName", &resource.resource_name),
        ];
        for (key, value) in members.into_iter().filter(|(_, value)| !value.is_empty()) {
            target.insert(key.to_owned(), Value::from(value.as_str()));
        }
    }
    target
}

/// Metadata are strings; an id among them is shown as the number that it is everywhere else.
fn member(key: &str, value: &str) -> Value {
    let id = value.parse().ok().filter(|_| key.ends_with("_id"));
    id.and_then(|id| serde_json::to_value(Long(id)).ok())
        .unwrap_or_else(|| Value::from(value))
}

/// The fields at fault. What is wrong with them is said in the server's words in any language.
fn fields(details: &ErrorDetails) -> Vec<(String, Message)> {
    let violations = details.bad_request().into_iter();
    violations
        .flat_map(|request| &request.field_violations)
        .map(|violation| {
            let message = Message::Server(violation.description.clone(), &["{message}"]);
            (rest_field(&violation.field), message)
        })
        .collect()
}

/// Where a REST caller finds the field that the gRPC API calls `field`.
fn rest_field(field: &str) -> String {
    match field {
        "request_id" => "Idempotency-Key".to_owned(),
        "page_size" => "size".to_owned(),
        "order_by" => "sort".to_owned(),
        other => camel_case(other),
    }
}

fn camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut at_word = false;
    for letter in snake.chars() {
        if letter == '_' {
            at_word = true;
        } else if at_word {
            camel.extend(letter.to_uppercase());
            at_word = false;
        } else {
            camel.push(letter);
        }
    }
    camel
}

/// Rounded up: a client that comes back too early is refused again.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_rest_spells_them() {
        let cases = [
            ("active_task_id", "activeTaskId"),
            ("id", "id"),
            ("request_id", "Idempotency-Key"),
            ("order_by", "sort"),
            ("minor_freeze", "minorFreeze"),
        ];
        for (grpc, rest) in cases {
            assert_eq!(rest_field(grpc), rest);
        }
    }

    #[test]
    fn a_delay_is_rounded_up_to_seconds() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
        assert_eq!(whole_seconds(Duration::from_millis(2_001)), 3);
    }
}
