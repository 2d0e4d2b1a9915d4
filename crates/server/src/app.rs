//! Use cases: one file a verb. Each takes a caller who was admitted and a command that was validated, and
//! returns domain values or an [`AppError`].

mod error;
mod mend;
mod register_cluster;
mod repeat;
mod stop_cluster;
mod subtask_log;
mod topology;
mod unregister_cluster;
mod update_cluster;

use std::sync::Arc;

pub(crate) use error::{AppError, Kind, Violations};
pub(crate) use register_cluster::register_cluster;
use slacktide_store::Store;
pub(crate) use stop_cluster::{StopCluster, stop_cluster};
pub(crate) use subtask_log::subtask_log;
pub(crate) use unregister_cluster::unregister_cluster;
pub(crate) use update_cluster::update_cluster;

use crate::server::HostCheck;

/// What every use case works with.
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) host: String,
    pub(crate) host_check: Arc<dyn HostCheck>,
}
