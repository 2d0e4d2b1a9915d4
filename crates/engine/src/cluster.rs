//! Clusters, their topology, and which operation is allowed when.

use serde::{Deserialize, Serialize};

use crate::{
    id::{ClusterId, ServerId, TaskId, ZoneId},
    selector::Selector,
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
    /// The labels that an executor must have to work on it.
    pub selector: Selector,
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

    /// Whether its servers can be asked anything by SQL: there is an account, and they are not all simulated.
    pub fn has_sql(&self) -> bool {
        self.sql.is_some() && !self.is_simulated()
    }

    /// Whether there is nothing real behind any of its servers.
    pub fn is_simulated(&self) -> bool {
        self.servers()
            .all(|server| matches!(server.driver, Driver::Simulated { .. }))
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

impl Server {
    /// Address of the MySQL protocol, as OCP writes it.
    pub fn address(&self) -> String {
        format!("{}:{}", self.ip, self.sql_port)
    }
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
