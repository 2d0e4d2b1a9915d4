//! Comparing what a caller says of a cluster with what is registered.

use std::{collections::HashMap, fmt::Display};

use slacktide_engine::cluster::{Cluster, Driver, Server};
use slacktide_store::{ClusterFilter, NewCluster, NewServer, Order, Page, ServerSettings, Store};

use super::{AppError, error::Violation};

/// How many clusters are looked through at a time.
const CHUNK: u64 = 100;

/// The first field in which the cluster that is spoken of is another than the registered one, if any.
/// Accounts, selectors and drivers do not count: those can be mended.
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
    let wanted = Wanted::of(cluster);
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
            if let Some((field, value)) = other.servers().find_map(|server| wanted.by(server)) {
                return Ok(AppError::ServerTaken {
                    field,
                    holder: format!(
                        "a server of cluster {} (id {}) has {value}",
                        other.name, other.id
                    ),
                });
            }
        }
        page.offset += CHUNK;
        if page.offset >= listed.total {
            // It was let go in between.
            return Ok(AppError::Contended);
        }
    }
}

/// What a cluster's servers want for themselves alone, each with the path of the field that says so.
struct Wanted(HashMap<Alone, String>);

/// What only one server may have.
#[derive(PartialEq, Eq, Hash)]
enum Alone {
    SqlAddress(String, u16),
    RpcAddress(String, u16),
    BaseDir(String, String),
}

impl Wanted {
    fn of(cluster: &NewCluster) -> Self {
        let fields = servers(cluster).flat_map(|(field, server)| {
            let parts = ["sql_port", "rpc_port", "driver.process.base_dir"];
            let of_server = alone(&server.ip, server.sql_port, server.rpc_port, &server.driver);
            let named = of_server.into_iter().zip(parts);
            named
                .map(move |(wanted, part)| (wanted, format!("{field}.{part}")))
                .collect::<Vec<_>>()
        });
        Self(fields.collect())
    }

    /// The first of these that a registered server has: the field that wants it, and what it is.
    fn by(&self, server: &Server) -> Option<(String, String)> {
        let has = alone(&server.ip, server.sql_port, server.rpc_port, &server.driver);
        has.into_iter()
            .find_map(|one| Some((self.0.get(&one)?.clone(), one.to_string())))
    }
}

/// What a server has for itself alone: its addresses, then its base directory if it has one.
fn alone(ip: &str, sql_port: u16, rpc_port: u16, driver: &Driver) -> Vec<Alone> {
    let mut alone = vec![
        Alone::SqlAddress(ip.to_owned(), sql_port),
        Alone::RpcAddress(ip.to_owned(), rpc_port),
    ];
    if let Driver::Process { base_dir, host } = driver {
        alone.push(Alone::BaseDir(host.clone(), base_dir.clone()));
    }
    alone
}

impl Display for Alone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SqlAddress(ip, port) | Self::RpcAddress(ip, port) => write!(f, "{ip}:{port}"),
            Self::BaseDir(host, base_dir) => write!(f, "{base_dir} on host {host}"),
        }
    }
}
