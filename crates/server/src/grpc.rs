//! gRPC: decode, call a use case, encode. Five to fifteen lines an RPC.

mod cluster_service;
mod convert;
mod info_service;
pub(crate) mod observe;
mod page;
mod request_id;
pub(crate) mod services;
mod status;
mod task_service;
mod watch;

use std::sync::Arc;

use slacktide_engine::time::Micros;
use tokio_util::sync::CancellationToken;
use tonic::Request;

use crate::{
    app::{App, AppError},
    auth::Caller,
};

/// What the services share.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) app: Arc<App>,
    pub(crate) version: &'static str,
    pub(crate) start_time: Micros,
    pub(crate) drain: CancellationToken,
}

/// Who calls. The layer above lets nobody else through.
fn caller<T>(request: &mut Request<T>) -> Result<Caller, AppError> {
    request
        .extensions_mut()
        .remove()
        .ok_or_else(|| AppError::Internal("a call passed by the authentication layer".to_owned()))
}

/// Opens a request of a caller who must have the permission `DOMAIN:<object>:ACTION`. Before anything else:
/// neither faults of the request nor the existence of its object are told to others.
fn admit<T, O: std::fmt::Display>(
    mut request: Request<T>,
    domain: &str,
    object: impl FnOnce(&T) -> O,
    action: &str,
) -> Result<(Caller, T), AppError> {
    let caller = caller(&mut request)?;
    let message = request.into_inner();
    caller.require(domain, object(&message), action)?;
    Ok((caller, message))
}
