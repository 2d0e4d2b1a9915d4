//! What surrounds every answer: OCP's envelope, the request's span, its time and its metrics.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{FromRequestParts as _, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, VARY},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use slacktide_telemetry::{metrics, trace};
use tracing::{Instrument as _, Span};

use crate::{
    error::{ApiError, ErrorBody},
    language::Language,
    request::path::Path,
    router::Gateway,
    time,
};

const PROTOCOL: &str = "rest";

/// The trace id, also of answers that have no envelope.
const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// The `data` of a successful answer.
pub(crate) struct Answer<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match to_raw_value(&self.0) {
            Ok(data) => {
                let mut response = StatusCode::OK.into_response();
                response.extensions_mut().insert(Data(Some(data)));
                response
            }
            Err(error) => {
                tracing::error!(%error, "answer could not be written as JSON");
                ApiError::internal().into_response()
            }
        }
    }
}

/// A successful answer without `data`.
pub(crate) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        let mut response = StatusCode::OK.into_response();
        response.extensions_mut().insert(Data(None));
        response
    }
}

/// `data`, already written, on its way to the envelope; none where there is none.
#[derive(Clone)]
struct Data(Option<Box<RawValue>>);

// The fields stand in the order in which they are written: alphabetical.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    duration: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
    server: &'a str,
    status: u16,
    successful: bool,
    timestamp: String,
    trace_id: String,
}

/// Runs a request in its span, puts its outcome into the envelope and counts it.
pub(crate) async fn wrap(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let call = call_name(&request);
    let span = trace::request_span(PROTOCOL, &call, request.headers());
    let language = Language::of(request.headers());
    let (path, request) = named_by_path(language, request).await;
    let mut response = next.run(request).instrument(span.clone()).await;

    let data = response.extensions_mut().remove::<Data>();
    let error = response.extensions_mut().remove::<ApiError>();
    let trace_id = trace::trace_id(&span);
    if let Ok(trace_id) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert(X_TRACE_ID, trace_id);
    }
    if error.is_some() {
        tell_language(language, response.headers_mut());
    }
    if data.is_some() || error.is_some() {
        let envelope = Envelope {
            data: data.as_ref().and_then(|data| data.0.as_deref()),
            duration: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            error: error.map(|error| error.body(language, &path)),
            server: &gateway.options().server,
            status: response.status().as_u16(),
            successful: response.status().is_success(),
            timestamp: time::now(),
            trace_id,
        };
        seal(&mut response, &envelope, &span);
    }
    metrics::observe_request(
        PROTOCOL,
        &call,
        response.status().as_str(),
        started.elapsed(),
    );
    response
}

/// The parameters of the path, where messages may name them: the English ones are the server's as they are.
async fn named_by_path(language: Language, request: Request) -> (Path, Request) {
    if language == Language::English {
        return (Path::default(), request);
    }
    let (mut parts, body) = request.into_parts();
    let path = Path::from_request_parts(&mut parts, &()).await;
    (path.unwrap_or_default(), Request::from_parts(parts, body))
}

fn tell_language(language: Language, headers: &mut HeaderMap) {
    let tag = HeaderValue::from_static(language.tag());
    headers.insert(CONTENT_LANGUAGE, tag);
    headers.append(VARY, HeaderValue::from_name(ACCEPT_LANGUAGE));
}

fn seal(response: &mut Response, envelope: &Envelope<'_>, span: &Span) {
    match serde_json::to_vec(envelope) {
        Ok(json) => {
            *response.body_mut() = Body::from(json);
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Err(error) => {
            span.in_scope(|| tracing::error!(%error, "envelope could not be written as JSON"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
}

/// The call by its template. Never by what the caller wrote: that would make a metric per cluster, or per
/// invented path or method.
fn call_name(request: &Request) -> String {
    let Some(path) = request.extensions().get::<MatchedPath>() else {
        return "unmatched".to_owned();
    };
    let method = match *request.method() {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE => request.method().as_str(),
        _ => "other",
    };
    format!("{method} {}", path.as_str())
}
