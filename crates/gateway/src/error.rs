//! What a request that isn't answered with data is answered with.

mod chinese;
mod status;
mod text;

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, Method, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

pub(crate) use text::{Fault, Text};

use crate::{language::Language, request::path::Path};

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
    pub(super) const ZONE_NOT_FOUND: i64 = 12002;
}

/// How much of a caller's own value an error message repeats, in characters.
const MAX_SHOWN: usize = 64;

/// A failed request. As a response it carries itself in the extensions; the envelope is put around it by
/// [`crate::envelope::wrap`], in the caller's language.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: i64,
    // Boxed, because every result of a request's reading makes room for it.
    message: Box<Message>,
    /// The fields at fault.
    fields: Vec<(String, Message)>,
    /// What the request ran into: for example the task that holds the cluster.
    target: BTreeMap<String, Value>,
    /// Seconds after which a repetition may succeed.
    retry_after: Option<u64>,
    /// Whether the gateway refused the request before anyone looked at its credentials.
    before_sign_in: bool,
}

/// Who says what of an error.
#[derive(Debug, Clone)]
enum Message {
    Gateway(Text),
    /// The server's own words, and what to say in Chinese.
    Server(String, chinese::Sentences),
}

/// What went wrong.
// Like everywhere, the fields stand in alphabetical order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    /// OCP's error code up to 4.0.3; 0 where there is no specific one.
    code: i64,
    /// In the language that `Accept-Language` likes better, English or Chinese.
    message: String,
    /// The fields at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sub_errors: Vec<SubError>,
    /// What the request ran into: for example `activeTaskId`, the task that holds the cluster.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    target: BTreeMap<String, Value>,
}

/// What is wrong with one field.
#[derive(Serialize, ToSchema)]
struct SubError {
    field: String,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, code: i64, message: Message) -> Self {
        Self {
            status,
            code,
            message: Box::new(message),
            fields: Vec::new(),
            target: BTreeMap::new(),
            retry_after: None,
            before_sign_in: false,
        }
    }

    fn refusal(status: StatusCode, text: Text) -> Self {
        Self {
            before_sign_in: true,
            ..Self::new(status, code::NONE, Message::Gateway(text))
        }
    }

    /// A request that can't be read, for a reason that no single field gives.
    pub(crate) fn malformed(text: Text) -> Self {
        Self::refusal(StatusCode::BAD_REQUEST, text)
    }

    /// A field of the request that can't be taken.
    pub(crate) fn field(field: &str, fault: Fault) -> Self {
        let field = shown(field);
        Self::about(field, Text::Field(field.to_owned(), fault))
    }

    /// A parameter that should be a Java `Long` and isn't.
    pub(crate) fn not_a_long(parameter: &str, value: &str) -> Self {
        let value = shown(value).to_owned();
        Self::about(parameter, Text::NotALong(parameter.to_owned(), value))
    }

    fn about(field: &str, text: Text) -> Self {
        let mut error = Self::malformed(text);
        error.fields = vec![(field.to_owned(), Message::clone(&error.message))];
        error
    }

    /// A `sort` that the list can't be put into.
    pub(crate) fn unsortable(fault: Fault) -> Self {
        Self {
            code: code::UNSORTABLE,
            ..Self::field("sort", fault)
        }
    }

    pub(crate) fn body_too_large(max: usize) -> Self {
        Self::refusal(StatusCode::PAYLOAD_TOO_LARGE, Text::BodyTooLarge(max))
    }

    pub(crate) fn unsupported_media_type() -> Self {
        Self::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, Text::NotJson)
    }

    pub(crate) fn not_acceptable() -> Self {
        Self::refusal(StatusCode::NOT_ACCEPTABLE, Text::NotAcceptable)
    }

    pub(crate) fn no_such_path(path: &str) -> Self {
        let text = Text::NoSuchPath(shown(path).to_owned());
        Self::new(StatusCode::NOT_FOUND, code::NONE, Message::Gateway(text))
    }

    /// A zone that a cluster doesn't have, once the server has shown the cluster.
    pub(crate) fn no_such_zone(zone: &str) -> Self {
        let text = Text::NoSuchZone(shown(zone).to_owned());
        Self::new(
            StatusCode::NOT_FOUND,
            code::ZONE_NOT_FOUND,
            Message::Gateway(text),
        )
    }

    pub(crate) fn method_not_allowed(method: &Method) -> Self {
        let text = Text::MethodNotAllowed(shown(method.as_str()).to_owned());
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            code::METHOD_NOT_SUPPORTED,
            Message::Gateway(text),
        )
    }

    /// Something that no caller can mend. Says nothing of the inside; the log has it under the trace id.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code::UNKNOWN,
            Message::Gateway(Text::Internal),
        )
    }

    /// Whether nobody has looked at the caller's credentials yet.
    pub(crate) fn is_before_sign_in(&self) -> bool {
        self.before_sign_in
    }

    /// The error in a language. `path` has the parameters of the path, which sentences may name.
    pub(crate) fn body(&self, language: Language, path: &Path) -> ErrorBody {
        let told = |message: &Message| self.told(message, language, path);
        let fields = self.fields.iter();
        ErrorBody {
            code: self.code,
            message: told(&self.message),
            sub_errors: fields
                .map(|(field, message)| SubError {
                    field: field.clone(),
                    message: told(message),
                })
                .collect(),
            target: self.target.clone(),
        }
    }

    fn told(&self, message: &Message, language: Language, path: &Path) -> String {
        match (message, language) {
            (Message::Gateway(text), language) => text.told(language),
            (Message::Server(english, _), Language::English) => english.clone(),
            (Message::Server(english, sentences), Language::Chinese) => {
                chinese::fill(sentences, |name| match name {
                    "message" => Some(english.clone()),
                    _ => self.known(name, path),
                })
            }
        }
    }

    /// What the error knows under a name: of its target, its fields or the path.
    fn known(&self, name: &str, path: &Path) -> Option<String> {
        if name == "fields" {
            let fields = self.fields.iter().map(|(field, _)| field.as_str());
            return (!self.fields.is_empty()).then(|| Vec::from_iter(fields).join(", "));
        }
        let in_target = self.target.get(name).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        in_target.or_else(|| Some(shown(path.given(name)?).to_owned()))
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
