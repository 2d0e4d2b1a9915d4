//! Names for what a subtask works on.

use std::collections::HashMap;

use slacktide_api::v1::{Cluster, GetClusterRequest, Server, Subtask};

use super::Connection;

/// The servers of a cluster by id, as people know them.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(HashMap<i64, String>);

impl Places {
    /// Asks for the servers of a cluster. Where that is refused (the cluster was unregistered, say) the
    /// servers go by their ids: a watch is no worse for it.
    pub(super) async fn ask(connection: &Connection, cluster_id: i64) -> Self {
        let request = GetClusterRequest { id: cluster_id };
        match connection.clusters().get_cluster(request).await {
            Ok(answer) => Self::of(answer.into_inner().cluster.as_ref()),
            Err(_) => Self::default(),
        }
    }

    pub(super) fn of(cluster: Option<&Cluster>) -> Self {
        let zones = cluster.map_or(&[][..], |cluster| &cluster.zones);
        let servers = zones.iter().flat_map(|zone| &zone.servers);
        Self(servers.map(|server| (server.id, address(server))).collect())
    }

    /// `zone1 127.0.0.1:2881`, `zone1`, or nothing for a subtask of the whole cluster.
    pub(super) fn of_subtask(&self, subtask: &Subtask) -> String {
        let zone = subtask.zone_name.as_str();
        let Some(id) = subtask.server_id else {
            return zone.to_owned();
        };
        let server = match self.0.get(&id) {
            Some(address) => address.clone(),
            None => format!("server {id}"),
        };
        if zone.is_empty() {
            server
        } else {
            format!("{zone} {server}")
        }
    }
}

/// `ip:port`, in brackets where the ip has colons itself.
pub(super) fn address(server: &Server) -> String {
    let Server { ip, sql_port, .. } = server;
    if ip.contains(':') {
        format!("[{ip}]:{sql_port}")
    } else {
        format!("{ip}:{sql_port}")
    }
}
