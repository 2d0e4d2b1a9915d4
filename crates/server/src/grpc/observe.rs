//! The outermost layer: the request's span, its metrics, and a bug that panics told as INTERNAL.

use std::{collections::HashSet, panic::AssertUnwindSafe, time::Instant};

use futures::FutureExt as _;
use slacktide_telemetry::{metrics::observe_request, trace::request_span};
use tonic::{Code, Status, body::Body};
use tracing::Instrument as _;

use super::status::{after_panic, of_transport};

/// Answers a request by `answer`, seen by logs, traces and metrics. What is measured of a stream is the time
/// until it begins.
pub(crate) async fn observe<F>(
    methods: &HashSet<String>,
    request: http::Request<Body>,
    answer: impl FnOnce(http::Request<Body>) -> F,
) -> http::Response<Body>
where
    F: Future<Output = http::Response<Body>>,
{
    let began = Instant::now();
    // A path that is no method of ours comes from outside, and would make labels without end.
    let method = methods
        .get(request.uri().path())
        .map_or("unknown", |path| path.trim_start_matches('/'))
        .to_owned();
    let span = request_span("grpc", &method, request.headers());
    let response = async {
        match AssertUnwindSafe(answer(request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => after_panic().into_http(),
        }
    }
    .instrument(span.clone())
    .await;
    let response = match Status::from_header_map(response.headers()).and_then(of_transport) {
        Some(status) => status.into_http(),
        None => response,
    };
    let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
    let took = began.elapsed();
    span.in_scope(|| tracing::debug!(?code, ?took, "answered"));
    observe_request("grpc", &method, &format!("{code:?}"), took);
    response
}
