//! Which path goes to which handler, and what wraps them all.

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    body::Body,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use http::{Method, Uri};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    envelope,
    error::ApiError,
    openapi,
    request::{body, path},
    routes, sign_in,
    upstream::Upstream,
};

/// How the gateway answers.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of this application server, shown as `server` in every envelope.
    pub server: String,
    /// The largest request body that is read, in bytes. A larger one is answered with 413.
    pub max_body: usize,
}

impl Options {
    /// A usual `max_body`: 64 KiB, where no call needs more than a few hundred bytes.
    pub const USUAL_MAX_BODY: usize = 64 * 1024;
}

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Gateway {
    upstream: Upstream,
    options: Arc<Options>,
}

impl Gateway {
    pub(crate) fn upstream(&self) -> Upstream {
        self.upstream.clone()
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }
}

/// OCP's REST API over `upstream`, ready to be served.
pub fn router(upstream: Upstream, options: Options) -> Router {
    let gateway = Gateway {
        upstream,
        options: Arc::new(options),
    };
    let table = routes::table();
    let open = openapi::router(&table);
    let (open, signed_in) = table.into_iter().fold(
        (open, Router::new()),
        |(open, signed_in), route| match route.operation.open {
            true => (open.route(route.path, route.handler), signed_in),
            false => (open, signed_in.route(route.path, route.handler)),
        },
    );
    signed_in
        .route_layer(from_fn_with_state(gateway.clone(), sign_in::first))
        .merge(open)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(path::guard))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(gateway.clone(), envelope::wrap))
        .with_state(gateway)
}

async fn not_found(uri: Uri, rest: Body) -> ApiError {
    body::discard(rest).await;
    ApiError::no_such_path(uri.path())
}

async fn method_not_allowed(method: Method, rest: Body) -> ApiError {
    body::discard(rest).await;
    ApiError::method_not_allowed(&method)
}

// The panic hook has already logged the message and the place.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::internal().into_response()
}
