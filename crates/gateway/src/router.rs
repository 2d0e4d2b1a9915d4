//! Which path goes to which handler, and what wraps them all.

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    body::Body,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{Method, Uri};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    envelope,
    error::ApiError,
    handlers::{clusters, commands, download, operations, system, tasks},
    request::body,
    sign_in,
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
    Router::new()
        .route("/api/v2/ob/clusters", get(clusters::list))
        .route("/api/v2/ob/clusters/{id}", get(clusters::get))
        .nest("/api/v2/ob/clusters/{id}", operations())
        .route("/api/v2/tasks/instances", get(tasks::list))
        .route("/api/v2/tasks/instances/{taskInstanceId}", get(tasks::get))
        .nest("/api/v2/tasks/instances/{taskInstanceId}", commands())
        .route("/api/v2/info", get(system::info))
        .route_layer(from_fn_with_state(gateway.clone(), sign_in::first))
        .route("/api/v2/time", get(system::time))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(gateway.clone(), envelope::wrap))
        .with_state(gateway)
}

/// What begins a task on a cluster, a zone or a server.
fn operations() -> Router<Gateway> {
    Router::new()
        .route("/stop", post(operations::stop_cluster))
        .route("/start", post(operations::start_cluster))
        .route("/restart", post(operations::restart_cluster))
        .route("/zones/{zoneName}/stop", post(operations::stop_zone))
        .route("/zones/{zoneName}/start", post(operations::start_zone))
        .route("/zones/{zoneName}/restart", post(operations::restart_zone))
        .route("/servers/{serverId}/stop", post(operations::stop_server))
        .route("/servers/{serverId}/start", post(operations::start_server))
        .route(
            "/servers/{serverId}/restart",
            post(operations::restart_server),
        )
}

/// What looks closer at a task, and what changes it.
fn commands() -> Router<Gateway> {
    Router::new()
        .route("/retry", post(commands::retry_task))
        .route("/rollback", post(commands::roll_back_task))
        .route("/cancel", post(commands::cancel_task))
        .route("/downloadDiagnosis", post(download::diagnosis))
        .route("/subtasks/{subtaskInstanceId}/log", get(tasks::log))
        .route(
            "/subtasks/{subtaskInstanceId}/retry",
            post(commands::retry_subtask),
        )
        .route(
            "/subtasks/{subtaskInstanceId}/skip",
            post(commands::skip_subtask),
        )
        .route(
            "/subtasks/{subtaskInstanceId}/cancel",
            post(commands::cancel_subtask),
        )
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
