//! Clusters, their topology, and which operation is allowed when.

use serde::{Deserialize, Serialize};

use crate::{
    id::{ClusterId, ServerId, TaskId, ZoneId},
    status::ResourceStatus,
    time::Micros,
};

/// A registered cluster with its topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The cluster.
    pub id: ClusterId,
    /// Unique name.
    pub name: String,
    /// The id that OceanBase itself knows.
    pub ob_cluster_id: i64,
    /// What it is doing.
    pub status: ResourceStatus,
    /// Why, where that is not obvious.
    pub status_reason: String,
    /// Number of operations accepted so far; the first half of a [`crate::fence::Fence`].
    pub generation: i64,
    /// The task that holds the cluster. A FAILED task keeps it.
    pub active_task: Option<TaskId>,
    /// A sys-tenant account.
    pub sql: Option<SqlAccount>,
    /// Zones in the order of registration.
    pub zones: Vec<Zone>,
    /// When it was registered.
    pub create_time: Micros,
    /// When it, or one of its zones or servers, last changed.
    pub update_time: Micros,
    /// Name of the user who registered it.
    pub creator: String,
}

impl Cluster {
    /// All servers, zone by zone.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.zones.iter().flat_map(|zone| &zone.servers)
    }
}

/// A zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The zone.
    pub id: ZoneId,
    /// Name, unique in the cluster.
    pub name: String,
    /// What it is doing.
    pub status: ResourceStatus,
    /// Servers in the order of registration.
    pub servers: Vec<Server>,
}

/// A server: one OBServer process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The server.
    pub id: ServerId,
    /// Address on which it is reached.
    pub ip: String,
    /// Port of the MySQL protocol.
    pub sql_port: u16,
    /// Port of the servers' own protocol.
    pub rpc_port: u16,
    /// What it is doing.
    pub status: ResourceStatus,
    /// Why, where that is not obvious.
    pub status_reason: String,
    /// How its host is reached.
    pub driver: Driver,
    /// When its process was last observed to be gone after a stop.
    pub stop_time: Option<Micros>,
    /// When the server last changed.
    pub update_time: Micros,
}

/// How a server's host is reached. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Driver {
    /// A process on the host of an executor.
    Process {
        /// Absolute path of the server's base directory.
        base_dir: String,
        /// Only executors on the host of this name touch the server.
        host: String,
    },
    /// A host that exists only in the executor.
    Simulated {
        /// How long the simulated process takes to end, in milliseconds.
        stop_ms: u64,
        /// How many attempts to stop it fail.
        fail_stops: u32,
        /// Whether a stop never ends.
        hang: bool,
    },
}

impl Driver {
    /// The host whose executors alone may run the server's subtasks; none where any executor may.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Process { host, .. } => Some(host),
            Self::Simulated { .. } => None,
        }
    }
}

/// A sys-tenant account. Its `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct SqlAccount {
    /// User name.
    pub user: String,
    /// Password; may be empty.
    pub password: String,
}

impl std::fmt::Debug for SqlAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqlAccount")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Why an operation on a cluster is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A task holds the cluster: OCP's 11020.
    #[error("task {task} holds cluster {name}, and does so until it is SUCCESSFUL")]
    Held {
        /// The cluster's name.
        name: String,
        /// The task that holds it.
        task: TaskId,
    },
    /// The cluster's status does not allow the operation: OCP's 11007.
    #[error("cluster {name} in [{status}] does not support this operation")]
    Status {
        /// The cluster's name.
        name: String,
        /// Its status.
        status: ResourceStatus,
    },
}

/// Whether the cluster may be stopped now: from RUNNING and UNAVAILABLE, when no task holds it.
///
/// # Errors
/// The [`Refusal`] to pass on to the caller.
pub fn allow_stop(cluster: &Cluster) -> Result<(), Refusal> {
    if let Some(task) = cluster.active_task {
        return Err(Refusal::Held {
            name: cluster.name.clone(),
            task,
        });
    }
    match cluster.status {
        ResourceStatus::Running | ResourceStatus::Unavailable => Ok(()),
        status => Err(Refusal::Status {
            name: cluster.name.clone(),
            status,
        }),
    }
}

/// Whether the cluster may be forgotten now: when no task holds it.
///
/// # Errors
/// The [`Refusal`] to pass on to the caller.
pub fn allow_unregister(cluster: &Cluster) -> Result<(), Refusal> {
    match cluster.active_task {
        Some(task) => Err(Refusal::Held {
            name: cluster.name.clone(),
            task,
        }),
        None => Ok(()),
    }
}

/// The status of a whole whose parts have these statuses: STOPPED only if every part is.
pub fn roll_up(parts: impl IntoIterator<Item = ResourceStatus>) -> ResourceStatus {
    if parts
        .into_iter()
        .all(|part| part == ResourceStatus::Stopped)
    {
        ResourceStatus::Stopped
    } else {
        ResourceStatus::Unavailable
    }
}
