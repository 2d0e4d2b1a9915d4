//! Use cases: one file a verb. Each takes a caller who was admitted and a command that was validated, and
//! returns domain values or an [`AppError`].

mod command_task;
mod diagnosis;
mod error;
mod list_tasks;
mod mend;
mod operate;
mod preflight;
mod register_cluster;
pub(crate) mod repeat;
mod subtask;
mod subtask_log;
mod topology;
mod unregister_cluster;
mod update_cluster;

use std::sync::Arc;

pub(crate) use command_task::command_task;
pub(crate) use diagnosis::Diagnosis;
pub(crate) use error::{AppError, Kind, Violations};
pub(crate) use list_tasks::list_tasks;
pub(crate) use operate::{Operate, Operated, Part, operate};
pub(crate) use preflight::NoExecutor;
pub(crate) use register_cluster::register_cluster;
use slacktide_store::Store;
pub(crate) use subtask::subtask;
pub(crate) use subtask_log::{lines, subtask_log};
pub(crate) use unregister_cluster::unregister_cluster;
pub(crate) use update_cluster::update_cluster;

use crate::{
    auth::Authenticator,
    server::{HostCheck, Preflight},
};

/// What every use case works with.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) host: String,
    pub(crate) host_check: Arc<dyn HostCheck>,
    pub(crate) preflight: Arc<dyn Preflight>,
    pub(crate) authenticator: Arc<Authenticator>,
}
