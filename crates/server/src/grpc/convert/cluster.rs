//! Clusters on the wire.

use std::collections::HashMap;

use slacktide_api::v1::{self as pb, driver};
use slacktide_engine::{
    cluster::{Cluster, Driver, Server, Zone},
    status::{ResourceStatus, StopMode},
};

use super::{no_such_value, timestamp};
use crate::app::Violations;

/// A cluster with its topology. The account's password is never returned.
pub(in crate::grpc) fn cluster(cluster: &Cluster) -> pb::Cluster {
    let sql_user = cluster.sql.as_ref().map(|sql| sql.user.clone());
    pb::Cluster {
        id: cluster.id.0,
        name: cluster.name.clone(),
        ob_cluster_id: cluster.ob_cluster_id,
        status: cluster_status(cluster.status).into(),
        status_reason: cluster.status_reason.clone(),
        zones: cluster.zones.iter().map(zone).collect(),
        sql_user: sql_user.unwrap_or_default(),
        active_task_id: cluster.active_task.map(|task| task.0),
        generation: cluster.generation,
        create_time: Some(timestamp(cluster.create_time)),
        update_time: Some(timestamp(cluster.update_time)),
        creator: cluster.creator.clone(),
        selector: HashMap::from_iter(cluster.selector.labels().clone()),
    }
}

fn zone(zone: &Zone) -> pb::Zone {
    pb::Zone {
        id: zone.id.0,
        name: zone.name.clone(),
        status: zone_status(zone.status).into(),
        servers: zone.servers.iter().map(server).collect(),
    }
}

fn server(server: &Server) -> pb::Server {
    pb::Server {
        id: server.id.0,
        ip: server.ip.clone(),
        sql_port: server.sql_port.into(),
        rpc_port: server.rpc_port.into(),
        status: server_status(server.status).into(),
        status_reason: server.status_reason.clone(),
        driver: Some(pb::Driver {
            kind: Some(driver_kind(&server.driver)),
        }),
        stop_time: server.stop_time.map(timestamp),
        update_time: Some(timestamp(server.update_time)),
    }
}

fn driver_kind(driver: &Driver) -> driver::Kind {
    match driver {
        Driver::Process { base_dir, host } => driver::Kind::Process(pb::ProcessDriver {
            base_dir: base_dir.clone(),
            executor_host: host.clone(),
        }),
        Driver::Simulated {
            stop_ms,
            fail_stops,
            hang,
        } => driver::Kind::Simulated(pb::SimulatedDriver {
            stop_ms: i64::try_from(*stop_ms).unwrap_or(i64::MAX),
            fail_stops: i32::try_from(*fail_stops).unwrap_or(i32::MAX),
            hang: *hang,
        }),
    }
}

/// The status of a filter; `None` for any.
pub(in crate::grpc) fn filter_status(status: pb::ClusterStatus) -> Option<ResourceStatus> {
    Some(match status {
        pb::ClusterStatus::Unspecified => return None,
        pb::ClusterStatus::Running => ResourceStatus::Running,
        pb::ClusterStatus::Stopping => ResourceStatus::Stopping,
        pb::ClusterStatus::Stopped => ResourceStatus::Stopped,
        pb::ClusterStatus::Unavailable => ResourceStatus::Unavailable,
        pb::ClusterStatus::Starting => ResourceStatus::Starting,
        pb::ClusterStatus::Restarting => ResourceStatus::Restarting,
        pb::ClusterStatus::Operating => ResourceStatus::Operating,
    })
}

/// How hard to stop; GRACEFUL where it is not given.
pub(in crate::grpc) fn stop_mode(mode: i32, violations: &mut Violations) -> StopMode {
    match pb::StopMode::try_from(mode) {
        Ok(pb::StopMode::Unspecified | pb::StopMode::Graceful) => StopMode::Graceful,
        Ok(pb::StopMode::Immediate) => StopMode::Immediate,
        Err(unknown) => {
            violations.add("mode", no_such_value(unknown));
            StopMode::Graceful
        }
    }
}

fn cluster_status(status: ResourceStatus) -> pb::ClusterStatus {
    match status {
        ResourceStatus::Running => pb::ClusterStatus::Running,
        ResourceStatus::Stopping => pb::ClusterStatus::Stopping,
        ResourceStatus::Stopped => pb::ClusterStatus::Stopped,
        ResourceStatus::Unavailable => pb::ClusterStatus::Unavailable,
        ResourceStatus::Starting => pb::ClusterStatus::Starting,
        ResourceStatus::Restarting => pb::ClusterStatus::Restarting,
        ResourceStatus::Operating => pb::ClusterStatus::Operating,
    }
}

fn zone_status(status: ResourceStatus) -> pb::ZoneStatus {
    match status {
        ResourceStatus::Running => pb::ZoneStatus::Running,
        ResourceStatus::Stopping => pb::ZoneStatus::Stopping,
        ResourceStatus::Stopped => pb::ZoneStatus::Stopped,
        ResourceStatus::Unavailable => pb::ZoneStatus::Unavailable,
        ResourceStatus::Starting => pb::ZoneStatus::Starting,
        ResourceStatus::Restarting => pb::ZoneStatus::Restarting,
        ResourceStatus::Operating => pb::ZoneStatus::Operating,
    }
}

fn server_status(status: ResourceStatus) -> pb::ServerStatus {
    match status {
        ResourceStatus::Running => pb::ServerStatus::Running,
        ResourceStatus::Stopping => pb::ServerStatus::Stopping,
        ResourceStatus::Stopped => pb::ServerStatus::Stopped,
        // No operation works on a part of a server.
        ResourceStatus::Unavailable | ResourceStatus::Operating => pb::ServerStatus::Unavailable,
        ResourceStatus::Starting => pb::ServerStatus::Starting,
        ResourceStatus::Restarting => pb::ServerStatus::Restarting,
    }
}
