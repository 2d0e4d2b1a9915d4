//! gRPC: decode, call a use case, encode. Five to fifteen lines an RPC.

mod cluster_service;
mod convert;
mod download;
mod executor_service;
mod iam_service;
mod info_service;
pub(crate) mod observe;
mod operation;
mod page;
mod request_id;
pub(crate) mod services;
mod status;
mod stream;
mod task_command;
mod task_service;
mod watch;

use std::sync::Arc;

use slacktide_engine::time::Micros;
use tokio_util::sync::CancellationToken;
use tonic::Request;

use self::watch::{AllTasks, Feeds};
use crate::{
    app::{App, AppError},
    auth::Caller,
    iam::{self, Guarded},
    server::Preflight,
};

/// What the services share.
#[derive(Clone)]
pub(crate) struct Api {
    app: Arc<App>,
    version: &'static str,
    start_time: Micros,
    feeds: Feeds,
    all_tasks: AllTasks,
    drain: CancellationToken,
}

impl Api {
    pub(crate) fn new(
        app: App,
        version: &'static str,
        start_time: Micros,
        drain: CancellationToken,
    ) -> Self {
        let store = &app.store;
        Self {
            feeds: Feeds::new(store.clone(), drain.clone()),
            all_tasks: AllTasks::new(store.clone(), drain.clone()),
            app: Arc::new(app),
            version,
            start_time,
            drain,
        }
    }

    pub(crate) fn with_preflight(self, preflight: Arc<dyn Preflight>) -> Self {
        let app = App {
            preflight,
            ..App::clone(&self.app)
        };
        Self {
            app: Arc::new(app),
            ..self
        }
    }
}

/// Who calls. The layer above lets nobody else through.
fn caller<T>(request: &mut Request<T>) -> Result<Caller, AppError> {
    request
        .extensions_mut()
        .remove()
        .ok_or_else(|| AppError::Internal("a call passed by the authentication layer".to_owned()))
}

/// Opens a request of a caller who may make it. Before anything else: neither faults of the request nor the existence
/// of its object are told to others.
async fn admit<R: Guarded>(api: &Api, mut request: Request<R>) -> Result<(Caller, R), AppError> {
    let caller = caller(&mut request)?;
    let message = request.into_inner();
    iam::admit(&api.app.store, &caller, message.needs()).await?;
    Ok((caller, message))
}
