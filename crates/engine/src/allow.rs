//! Which operation is allowed when (`docs/contract.md`, "Statuses").

use crate::{
    cluster::{Cluster, Server, Zone},
    id::TaskId,
    status::{Extent, Goal, ResourceStatus, TaskKind},
};

/// What of a cluster an operation is to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// All of it.
    Cluster,
    /// One zone.
    Zone(&'a Zone),
    /// One server, and the zone that it is in.
    Server(&'a Zone, &'a Server),
}

impl Subject<'_> {
    /// The operation that reaches a goal on it.
    pub fn operation(&self, goal: Goal) -> TaskKind {
        match (self, goal) {
            (Self::Cluster, Goal::Stop) => TaskKind::StopCluster,
            (Self::Cluster, Goal::Start) => TaskKind::StartCluster,
            (Self::Cluster, Goal::Restart) => TaskKind::RestartCluster,
            (Self::Zone(_), Goal::Stop) => TaskKind::StopZone,
            (Self::Zone(_), Goal::Start) => TaskKind::StartZone,
            (Self::Zone(_), Goal::Restart) => TaskKind::RestartZone,
            (Self::Server(..), Goal::Stop) => TaskKind::StopServer,
            (Self::Server(..), Goal::Start) => TaskKind::StartServer,
            (Self::Server(..), Goal::Restart) => TaskKind::RestartServer,
        }
    }
}

/// Why an operation on a cluster is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A task holds the cluster: OCP's 11020.
    #[error(
        "task {task} holds cluster {name}, and does so until it is SUCCESSFUL; if it is FAILED, retry, skip or roll it back"
    )]
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
    /// The zone's status does not allow the operation: OCP's 12004.
    #[error("zone {name} in [{status}] does not support this operation")]
    ZoneStatus {
        /// The zone's name.
        name: String,
        /// Its status.
        status: ResourceStatus,
    },
    /// The server's status does not allow the operation: OCP's 13003.
    #[error("server {address} in [{status}] does not support this operation")]
    ServerStatus {
        /// IP address and SQL port.
        address: String,
        /// Its status.
        status: ResourceStatus,
    },
    /// The only server of a cluster is stopped with the cluster: OCP's 19020.
    #[error("server {address} is the only one of cluster {name}: stop the cluster instead")]
    OnlyServer {
        /// IP address and SQL port.
        address: String,
        /// The cluster's name.
        name: String,
    },
}

/// Whether an operation may be accepted now.
///
/// # Errors
/// The [`Refusal`] to pass on to the caller.
pub fn allow(cluster: &Cluster, goal: Goal, subject: Subject<'_>) -> Result<(), Refusal> {
    allow_unregister(cluster)?;
    let extent = subject.operation(goal).extent();
    let cluster_allows = match extent {
        Extent::Cluster => from(goal, cluster.status),
        // A part of a cluster that is stopped as a whole is not started by itself: SQL needs a majority.
        Extent::Zone | Extent::Server => from(Goal::Restart, cluster.status),
    };
    if !cluster_allows {
        return Err(Refusal::Status {
            name: cluster.name.clone(),
            status: cluster.status,
        });
    }
    match subject {
        Subject::Zone(zone) if !from(goal, zone.status) => Err(Refusal::ZoneStatus {
            name: zone.name.clone(),
            status: zone.status,
        }),
        Subject::Server(_, server) if !from(goal, server.status) => Err(Refusal::ServerStatus {
            address: server.address(),
            status: server.status,
        }),
        Subject::Server(_, server) if goal == Goal::Stop && cluster.servers().count() == 1 => {
            Err(Refusal::OnlyServer {
                address: server.address(),
                name: cluster.name.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// Whether something in this status may be stopped, started or restarted.
fn from(goal: Goal, status: ResourceStatus) -> bool {
    use ResourceStatus::{Running, Stopped, Unavailable};
    match goal {
        Goal::Stop | Goal::Restart => matches!(status, Running | Unavailable),
        Goal::Start => matches!(status, Stopped | Unavailable),
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
