//! OCP's ObCluster with its zones and servers: the members that slacktide knows of.

use serde::Serialize;
use slacktide_api::v1;
use utoipa::ToSchema;

use super::word;
use crate::{long::Long, time};

/// What OCP calls a cluster that is no standby. slacktide handles no other.
pub(crate) const PRIMARY: &str = "PRIMARY";

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObCluster {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    create_time: Option<String>,
    creator: String,
    id: Long,
    name: String,
    ob_cluster_id: Long,
    server_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::ClusterStatusWord>)]
    status: Option<&'static str>,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    update_time: Option<String>,
    zones: Vec<Zone>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Zone {
    cluster_id: Long,
    name: String,
    ob_cluster_id: Long,
    server_count: usize,
    servers: Vec<Server>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::ZoneStatusWord>)]
    status: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Server {
    cluster_id: Long,
    id: Long,
    ip: String,
    port: i32,
    sql_port: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::ServerStatusWord>)]
    status: Option<&'static str>,
    #[schema(format = DateTime)]
    stop_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    update_time: Option<String>,
    zone_name: String,
}

impl From<v1::Cluster> for ObCluster {
    fn from(cluster: v1::Cluster) -> Self {
        let (id, ob_cluster_id) = (Long(cluster.id), Long(cluster.ob_cluster_id));
        let zones = cluster.zones.into_iter();
        let zones: Vec<_> = zones
            .map(|zone| Zone::new(zone, id, ob_cluster_id))
            .collect();
        Self {
            create_time: time::local(cluster.create_time),
            creator: cluster.creator,
            id,
            name: cluster.name,
            ob_cluster_id,
            server_count: zones.iter().map(|zone| zone.server_count).sum(),
            status: word::cluster_status(cluster.status),
            r#type: PRIMARY,
            update_time: time::local(cluster.update_time),
            zones,
        }
    }
}

impl ObCluster {
    pub(crate) fn into_zones(self) -> Vec<Zone> {
        self.zones
    }

    pub(crate) fn into_servers(self) -> Vec<Server> {
        let zones = self.zones.into_iter();
        zones.flat_map(|zone| zone.servers).collect()
    }

    /// The servers of one of its zones, if it has that zone.
    pub(crate) fn into_servers_of(self, zone: &str) -> Option<Vec<Server>> {
        let mut zones = self.zones.into_iter();
        zones.find(|it| it.name == zone).map(|zone| zone.servers)
    }
}

impl Zone {
    fn new(zone: v1::Zone, cluster_id: Long, ob_cluster_id: Long) -> Self {
        let servers = zone.servers.into_iter();
        let servers: Vec<_> = servers
            .map(|server| Server::new(server, cluster_id, zone.name.clone()))
            .collect();
        Self {
            cluster_id,
            name: zone.name,
            ob_cluster_id,
            server_count: servers.len(),
            servers,
            status: word::zone_status(zone.status),
        }
    }
}

impl Server {
    fn new(server: v1::Server, cluster_id: Long, zone_name: String) -> Self {
        Self {
            cluster_id,
            id: Long(server.id),
            ip: server.ip,
            port: server.rpc_port,
            sql_port: server.sql_port,
            status: word::server_status(server.status),
            stop_time: time::local_or_epoch(server.stop_time),
            update_time: time::local(server.update_time),
            zone_name,
        }
    }
}
