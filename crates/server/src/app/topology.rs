//! Comparing what a caller says of a cluster with what is registered.

use std::fmt::Display;

use slacktide_engine::cluster::{Cluster, Driver, Server};
use slacktide_store::{ClusterFilter, NewCluster, NewServer, Order, Page, ServerSettings, Store};

use super::{AppError, error::Violation};

/// How many clusters are looked through at a time.
const CHUNK: u64 = 100;

/// The first field in which the cluster that is spoken of is another than the registered one, if any.
/// Accounts and drivers do not count: those can be mended.
pub(super) fn difference(registered: &Cluster, spoken_of: &NewCluster) -> Option<Violation> {
    let differs = |field: String, registered: &dyn Display| {
        Some(Violation {
            field,
            description: format!("must be {registered}, as registered"),
        })
    };
    let counted = |field: String, count: usize, noun: &str| {
        differs(field, &format!("a list of {count} {noun}"))
    };
    if registered.name != spoken_of.name {
        return differs("cluster.name".to_owned(), &format!("{:?}", registered.name));
    }
    if registered.ob_cluster_id != spoken_of.ob_cluster_id {
        return differs(
            "cluster.ob_cluster_id".to_owned(),
            &registered.ob_cluster_id,
        );
    }
    if registered.zones.len() != spoken_of.zones.len() {
        return counted("cluster.zones".to_owned(), registered.zones.len(), "zones");
    }
    for (index, (zone, other)) in registered.zones.iter().zip(&spoken_of.zones).enumerate() {
        let field = format!("cluster.zones[{index}]");
        if zone.name != other.name {
            return differs(format!("{field}.name"), &format!("{:?}", zone.name));
        }
        if zone.servers.len() != other.servers.len() {
            return counted(format!("{field}.servers"), zone.servers.len(), "servers");
        }
        for (index, (server, other)) in zone.servers.iter().zip(&other.servers).enumerate() {
            let field = format!("{field}.servers[{index}]");
            if server.ip != other.ip {
                return differs(format!("{field}.ip"), &server.ip);
            }
            if server.sql_port != other.sql_port {
                return differs(format!("{field}.sql_port"), &server.sql_port);
            }
            if server.rpc_port != other.rpc_port {
                return differs(format!("{field}.rpc_port"), &server.rpc_port);
            }
        }
    }
    None
}

/// The settings of the registered servers as they should be. The topologies are equal.
pub(super) fn settings(registered: &Cluster, wanted: &NewCluster) -> Vec<ServerSettings> {
    let wanted = wanted.zones.iter().flat_map(|zone| &zone.servers);
    registered
        .servers()
        .zip(wanted)
        .map(|(server, wanted)| ServerSettings {
            id: server.id,
            driver: wanted.driver.clone(),
        })
        .collect()
}

/// Each server with the path of its field.
pub(super) fn servers(cluster: &NewCluster) -> impl Iterator<Item = (String, &NewServer)> {
    cluster.zones.iter().enumerate().flat_map(|(zone, of)| {
        of.servers
            .iter()
            .enumerate()
            .map(move |(server, new)| (format!("cluster.zones[{zone}].servers[{server}]"), new))
    })
}

/// Finds the server of another cluster that has an address or a base directory of this one's. The database
/// says only that there is one.
pub(super) async fn holder_of_address(
    store: &Store,
    cluster: &NewCluster,
) -> Result<AppError, AppError> {
    let order = Order {
        column: "id",
        descending: false,
    };
    let mut page = Page {
        offset: 0,
        limit: CHUNK,
        order,
    };
    loop {
        let listed = store.clusters(&ClusterFilter::default(), page).await?;
        let others = listed
            .items
            .iter()
            .filter(|other| other.name != cluster.name);
        for other in others {
            for (field, new) in servers(cluster) {
                let taken = other.servers().find_map(|server| common(server, new));
                if let Some((part, value)) = taken {
                    return Ok(AppError::ServerTaken {
                        field: format!("{field}.{part}"),
                        holder: format!(
                            "a server of cluster {} (id {}) has {value}",
                            other.name, other.id
                        ),
                    });
                }
            }
        }
        page.offset += CHUNK;
        if page.offset >= listed.total {
            // It was let go in between.
            return Ok(AppError::Contended);
        }
    }
}

/// What two servers both have and only one may, and under which field.
fn common(server: &Server, new: &NewServer) -> Option<(&'static str, String)> {
    if server.ip == new.ip && server.sql_port == new.sql_port {
        return Some(("sql_port", format!("{}:{}", new.ip, new.sql_port)));
    }
    if server.ip == new.ip && server.rpc_port == new.rpc_port {
        return Some(("rpc_port", format!("{}:{}", new.ip, new.rpc_port)));
    }
    match &new.driver {
        Driver::Process { base_dir, host } if server.driver == new.driver => {
            let value = format!("{base_dir} on host {host}");
            Some(("driver.process.base_dir", value))
        }
        _ => None,
    }
}
