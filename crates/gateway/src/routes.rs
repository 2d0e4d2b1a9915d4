//! The one table of calls: routing and the OpenAPI document are both made of it.

use axum::{
    extract::FromRequestParts,
    handler::Handler,
    middleware::from_fn,
    routing::{MethodRouter, get, post},
};
use http::{Method, StatusCode, header::ALLOW};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    envelope::{Answer, Done},
    error::ApiError,
    handlers::{
        clusters, commands,
        download::{self, Archive},
        operations, parts, system, tasks,
    },
    openapi::Schemas,
    request::{
        accept,
        call::{Call, Message},
        fields::Field,
    },
    router::Gateway,
    upstream::Rpc,
};

/// A call: where it is, what carries it out, and what is said of it.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) method: Method,
    pub(crate) handler: MethodRouter<Gateway>,
    pub(crate) operation: Operation,
}

/// What is said of a call.
pub(crate) struct Operation {
    /// Unique; the name of the RPC where there is one of its own.
    pub(crate) id: &'static str,
    pub(crate) about: &'static str,
    pub(crate) query: &'static [Parameter],
    /// The members that its body may have; none where there is no body.
    pub(crate) body: Option<&'static [Field]>,
    pub(crate) answer: Shown,
    /// Whether anybody may call it.
    pub(crate) open: bool,
}

/// A parameter of a query.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) schema: fn() -> Value,
}

/// What a successful answer holds.
#[derive(Clone, Copy)]
pub(crate) enum Shown {
    /// An envelope with data of this schema.
    Data(fn(&mut Schemas) -> Value),
    /// An envelope alone.
    Done,
    Text,
    File,
}

/// An answer of a handler, which says what it holds.
pub(crate) trait Documented {
    const SHOWN: Shown;
}

impl<T: ToSchema> Documented for Answer<T> {
    const SHOWN: Shown = Shown::Data(Schemas::of::<T>);
}

impl Documented for Done {
    const SHOWN: Shown = Shown::Done;
}

impl Documented for Archive {
    const SHOWN: Shown = Shown::File;
}

impl Documented for &'static str {
    const SHOWN: Shown = Shown::Text;
}

/// All calls, in the order in which they are documented.
pub(crate) fn table() -> Vec<Route> {
    let mut table = on_clusters();
    table.extend(on_tasks());
    table.extend(on_the_system());
    table
}

fn on_clusters() -> Vec<Route> {
    vec![
        read(
            "/api/v2/ob/clusters",
            clusters::list,
            "listClusters",
            "List clusters",
        )
        .query(clusters::PARAMETERS),
        read(
            "/api/v2/ob/clusters/{id}",
            clusters::get,
            "getCluster",
            "Show a cluster",
        ),
        read(
            "/api/v2/ob/clusters/{id}/zones",
            parts::zones,
            "listZones",
            "List a cluster's zones",
        ),
        read(
            "/api/v2/ob/clusters/{id}/servers",
            parts::servers,
            "listServers",
            "List a cluster's servers",
        )
        .query(parts::PARAMETERS),
        read(
            "/api/v2/ob/clusters/{id}/zones/{zoneName}/servers",
            parts::servers_of_zone,
            "listServersOfZone",
            "List a zone's servers",
        ),
        change(
            "/api/v2/ob/clusters/{id}/stop",
            operations::stop_cluster,
            "stopCluster",
            "Stop a cluster",
        ),
        change(
            "/api/v2/ob/clusters/{id}/start",
            operations::start_cluster,
            "startCluster",
            "Start a cluster",
        ),
        change(
            "/api/v2/ob/clusters/{id}/restart",
            operations::restart_cluster,
            "restartCluster",
            "Restart a cluster",
        ),
        change(
            "/api/v2/ob/clusters/{id}/zones/{zoneName}/stop",
            operations::stop_zone,
            "stopZone",
            "Stop a zone",
        ),
        change(
            "/api/v2/ob/clusters/{id}/zones/{zoneName}/start",
            operations::start_zone,
            "startZone",
            "Start a zone",
        ),
        change(
            "/api/v2/ob/clusters/{id}/zones/{zoneName}/restart",
            operations::restart_zone,
            "restartZone",
            "Restart a zone",
        ),
        change(
            "/api/v2/ob/clusters/{id}/servers/{serverId}/stop",
            operations::stop_server,
            "stopServer",
            "Stop a server",
        ),
        change(
            "/api/v2/ob/clusters/{id}/servers/{serverId}/start",
            operations::start_server,
            "startServer",
            "Start a server",
        ),
        change(
            "/api/v2/ob/clusters/{id}/servers/{serverId}/restart",
            operations::restart_server,
            "restartServer",
            "Restart a server",
        ),
    ]
}

fn on_tasks() -> Vec<Route> {
    vec![
        read(
            "/api/v2/tasks/instances",
            tasks::list,
            "listTasks",
            "List tasks",
        )
        .query(tasks::PARAMETERS),
        read(
            "/api/v2/tasks/instances/{taskInstanceId}",
            tasks::get,
            "getTask",
            "Show a task",
        ),
        change(
            "/api/v2/tasks/instances/{taskInstanceId}/retry",
            commands::retry_task,
            "retryTask",
            "Run what failed of a task again",
        ),
        change(
            "/api/v2/tasks/instances/{taskInstanceId}/rollback",
            commands::roll_back_task,
            "rollbackTask",
            "Undo a task that failed",
        ),
        change(
            "/api/v2/tasks/instances/{taskInstanceId}/cancel",
            commands::cancel_task,
            "cancelTask",
            "Cancel a task that runs",
        ),
        change(
            "/api/v2/tasks/instances/{taskInstanceId}/downloadDiagnosis",
            download::diagnosis,
            "downloadDiagnosis",
            "Download all that is known of a task, as a zip archive",
        ),
        read(
            "/api/v2/tasks/instances/{taskInstanceId}/subtasks/{subtaskInstanceId}/log",
            tasks::log,
            "getSubtaskLog",
            "Show what a subtask has logged",
        ),
        change(
            "/api/v2/tasks/instances/{taskInstanceId}/subtasks/{subtaskInstanceId}/retry",
            commands::retry_subtask,
            "retrySubtask",
            "Run a subtask that failed again",
        ),
        change(
            "/api/v2/tasks/instances/{taskInstanceId}/subtasks/{subtaskInstanceId}/skip",
            commands::skip_subtask,
            "skipSubtask",
            "Go on without a subtask that failed",
        ),
        change(
            "/api/v2/tasks/instances/{taskInstanceId}/subtasks/{subtaskInstanceId}/cancel",
            commands::cancel_subtask,
            "cancelSubtask",
            "Cancel a subtask that runs",
        ),
    ]
}

fn on_the_system() -> Vec<Route> {
    vec![
        read(
            "/api/v2/info",
            system::info,
            "getInfo",
            "Tell who answers, and to whom",
        ),
        read("/api/status", system::status, "getStatus", "Say `okay`"),
        time(),
    ]
}

/// The time as bare text: the one call that needs no sign-in.
fn time() -> Route {
    Route {
        path: "/api/v2/time",
        method: Method::GET,
        handler: get(system::time).options(options("GET,HEAD,OPTIONS")),
        operation: Operation {
            id: "getTime",
            about: "Tell the time",
            query: &[],
            body: None,
            answer: Shown::Text,
            open: true,
        },
    }
}

fn read<H, X, F, E, T>(
    path: &'static str,
    handler: H,
    id: &'static str,
    about: &'static str,
) -> Route
where
    H: Handler<X, Gateway> + Fn(Rpc, E) -> F,
    X: 'static,
    E: FromRequestParts<Gateway>,
    F: Future<Output = Result<T, ApiError>>,
    T: Documented,
{
    let handler = get(handler);
    route(path, Method::GET, handler, id, about, None, T::SHOWN)
}

fn change<H, X, F, M, T>(
    path: &'static str,
    handler: H,
    id: &'static str,
    about: &'static str,
) -> Route
where
    H: Handler<X, Gateway> + Fn(Rpc, Call<M>) -> F,
    X: 'static,
    M: Message,
    F: Future<Output = Result<T, ApiError>>,
    T: Documented,
{
    let handler = post(handler);
    route(
        path,
        Method::POST,
        handler,
        id,
        about,
        Some(M::TAKES),
        T::SHOWN,
    )
}

fn route(
    path: &'static str,
    method: Method,
    handler: MethodRouter<Gateway>,
    id: &'static str,
    about: &'static str,
    body: Option<&'static [Field]>,
    answer: Shown,
) -> Route {
    let handler = match answer {
        Shown::Data(_) | Shown::Done => handler.route_layer(from_fn(accept::json)),
        // A client that sends the same `Accept` with every call must get these, too.
        Shown::Text | Shown::File => handler,
    };
    let allowed = if method == Method::GET {
        "GET,HEAD,OPTIONS"
    } else {
        "POST,OPTIONS"
    };
    Route {
        path,
        method,
        handler: handler.options(options(allowed)),
        operation: Operation {
            id,
            about,
            query: &[],
            body,
            answer,
            open: false,
        },
    }
}

impl Route {
    fn query(mut self, query: &'static [Parameter]) -> Self {
        self.operation.query = query;
        self
    }
}

/// Answers OPTIONS, for anybody: which methods a path takes is no secret.
fn options(allowed: &'static str) -> impl Handler<((),), Gateway> {
    move || async move { (StatusCode::NO_CONTENT, [(ALLOW, allowed)]) }
}
