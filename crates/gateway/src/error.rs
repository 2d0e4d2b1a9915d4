//! What a request that isn't answered with data is answered with.

mod status;

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, Method, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use serde_json::Value;

/// OCP's error codes (up to 4.0.3) that the gateway itself gives. All others come from the server.
mod code {
    /// No specific code: validation and the HTTP framework.
    pub(super) const NONE: i64 = 0;
    pub(super) const METHOD_NOT_SUPPORTED: i64 = 1008;
    pub(super) const UNSORTABLE: i64 = 1011;
    pub(super) const NOT_IMPLEMENTED: i64 = 1998;
    pub(super) const UNKNOWN: i64 = 1999;
    pub(super) const NOT_LOGGED_ON: i64 = 3000;
    pub(super) const NO_PERMISSION: i64 = 3100;
}

/// How much of a caller's own value an error message repeats, in characters.
const MAX_SHOWN: usize = 64;

/// A failed request. As a response it carries itself in the extensions; the envelope is put around it by
/// [`crate::envelope::wrap`].
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
    /// Seconds after which a repetition may succeed.
    retry_after: Option<u64>,
    /// Whether the gateway refused the request before anyone looked at its credentials.
    before_sign_in: bool,
}

/// `error` of the envelope. Like everywhere, the fields stand in alphabetical order.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    code: i64,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sub_errors: Vec<SubError>,
    /// What the request ran into: for example the task that holds the cluster.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    target: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Serialize)]
struct SubError {
    field: String,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        Self {
            status,
            body: ErrorBody {
                code,
                message: message.into(),
                sub_errors: Vec::new(),
                target: BTreeMap::new(),
            },
            retry_after: None,
            before_sign_in: false,
        }
    }

    fn refusal(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            before_sign_in: true,
            ..Self::new(status, code::NONE, message)
        }
    }

    /// A request that can't be read, for a reason that no single field gives.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::refusal(StatusCode::BAD_REQUEST, message)
    }

    /// A field of the request that can't be taken; `problem` continues the sentence that its name begins.
    pub(crate) fn field(field: &str, problem: &str) -> Self {
        Self::about(field, format!("{field} {problem}"))
    }

    /// A parameter that should be a Java `Long` and isn't.
    pub(crate) fn not_a_long(parameter: &str, value: &str) -> Self {
        let value = shown(value);
        let message =
            format!("parameter {parameter} of value {value} cannot be converted to type Long");
        Self::about(parameter, message)
    }

    fn about(field: &str, message: String) -> Self {
        let mut error = Self::malformed(message.clone());
        error.body.sub_errors.push(SubError {
            field: field.to_owned(),
            message,
        });
        error
    }

    /// A `sort` that the list can't be put into.
    pub(crate) fn unsortable(problem: &str) -> Self {
        let mut error = Self::field("sort", problem);
        error.body.code = code::UNSORTABLE;
        error
    }

    pub(crate) fn body_too_large(max: usize) -> Self {
        Self::refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("request body has more than {max} bytes"),
        )
    }

    pub(crate) fn unsupported_media_type() -> Self {
        Self::refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "request body must be JSON in UTF-8: send `Content-Type: application/json`",
        )
    }

    pub(crate) fn no_such_path(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            code::NONE,
            format!("there is no call with the path {}", shown(path)),
        )
    }

    pub(crate) fn method_not_allowed(method: &Method) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            code::METHOD_NOT_SUPPORTED,
            format!(
                "this path does not take the method {}; the header `Allow` names those that it takes",
                shown(method.as_str())
            ),
        )
    }

    /// Something that no caller can mend. Says nothing of the inside; the log has it under the trace id.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code::UNKNOWN,
            "the request failed for an unknown reason: ask the administrator, quoting the trace id",
        )
    }

    /// Whether nobody has looked at the caller's credentials yet.
    pub(crate) fn is_before_sign_in(&self) -> bool {
        self.before_sign_in
    }

    pub(crate) fn body(&self) -> &ErrorBody {
        &self.body
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"slacktide\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The beginning of what a caller wrote: a message shouldn't grow with it.
fn shown(value: &str) -> &str {
    match value.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => &value[..end],
        None => value,
    }
}
