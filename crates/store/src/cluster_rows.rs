//! Clusters with their topology as rows.

use std::collections::BTreeMap;

use sea_orm::{ActiveValue::Set, ConnectionTrait, QueryResult};
use sha2::{Digest, Sha256};
use slacktide_engine::{
    cluster::{Cluster, Driver, Server, SqlAccount, Zone},
    id::{ClusterId, ServerId, TaskId, ZoneId},
    status::ResourceStatus,
    time::Micros,
};

use crate::{
    clusters::NewServer,
    columns::{json, to_json, word},
    entity::server,
    error::StoreError,
    statement::statement,
};

pub(crate) fn server_row(
    id: ServerId,
    cluster: ClusterId,
    zone: ZoneId,
    position: i64,
    new: &NewServer,
    now: Micros,
) -> Result<server::ActiveModel, StoreError> {
    Ok(server::ActiveModel {
        id: Set(id.0),
        cluster_id: Set(cluster.0),
        zone_id: Set(zone.0),
        position: Set(position),
        ip: Set(new.ip.clone()),
        sql_port: Set(new.sql_port.into()),
        rpc_port: Set(new.rpc_port.into()),
        status: Set(ResourceStatus::Running.to_string()),
        status_reason: Set(String::new()),
        driver: Set(to_json(&new.driver)?),
        host: Set(new.driver.host().map(str::to_owned)),
        base_dir_hash: Set(base_dir_hash(&new.driver)),
        process: Set(None),
        launch: Set(None),
        stop_time: Set(None),
        update_time: Set(now.0),
        version: Set(0),
    })
}

/// Stands for the base directory in the unique index: paths may be longer than an index holds.
pub(crate) fn base_dir_hash(driver: &Driver) -> Option<String> {
    match driver {
        Driver::Process { base_dir, .. } => {
            let digest = Sha256::digest(base_dir.as_bytes());
            Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        Driver::Simulated { .. } => None,
    }
}

/// Everything of some clusters, as one statement and therefore of one moment: clusters, zones and servers in rows of
/// one form, told apart by the first column.
const TOPOLOGY: [&str; 3] = [
    "SELECT 'cluster' AS kind, id, id AS cluster_id, id AS zone_id, 0 AS position, name, status, \
     status_reason, selector AS detail, ob_cluster_id AS first_number, generation AS second_number, \
     active_task_id AS reference, update_time, create_time, sql_user, sql_password, creator \
     FROM cluster WHERE id IN ",
    "SELECT 'zone', id, cluster_id, id, position, name, status, \
     '', '', 0, 0, \
     NULL, 0, 0, NULL, NULL, '' \
     FROM zone WHERE cluster_id IN ",
    "SELECT 'server', id, cluster_id, zone_id, position, ip, status, \
     status_reason, driver, sql_port, rpc_port, \
     stop_time, update_time, 0, NULL, NULL, '' \
     FROM server WHERE cluster_id IN ",
];

/// How many clusters one statement reads.
pub(crate) const CLUSTERS: usize = 64;

/// Clusters with their topology, by id. An unknown id is left out. At most [`CLUSTERS`] at a time.
pub(crate) async fn read_clusters(
    db: &impl ConnectionTrait,
    ids: &[i64],
) -> Result<BTreeMap<i64, Cluster>, StoreError> {
    let Some(last) = ids.last() else {
        return Ok(BTreeMap::new());
    };
    // Few different texts, so that each is prepared once.
    let filling = std::iter::repeat(last);
    let ids: Vec<_> = ids
        .iter()
        .chain(filling)
        .take(ids.len().next_power_of_two())
        .collect();
    let list = format!("(?{})", ", ?".repeat(ids.len() - 1));
    let selects = TOPOLOGY.map(|select| format!("{select}{list}"));
    let values = ids.iter().map(|id| (**id).into()).cycle();
    let values = values.take(ids.len() * TOPOLOGY.len());
    let select = statement(db, &selects.join(" UNION ALL "), values);

    let mut topology = Topology::default();
    for row in db.query_all_raw(select).await? {
        topology.add(&row)?;
    }
    Ok(topology.into_clusters())
}

#[derive(Default)]
struct Topology {
    clusters: BTreeMap<i64, Cluster>,
    /// With the places of their clusters, and their own.
    zones: Vec<(i64, i64, Zone)>,
    /// With the ids of their zones, and their places.
    servers: BTreeMap<i64, Vec<(i64, Server)>>,
    changed: BTreeMap<i64, i64>,
}

impl Topology {
    fn add(&mut self, row: &QueryResult) -> Result<(), StoreError> {
        let kind: String = row.try_get("", "kind")?;
        let number = |column: &str| row.try_get::<i64>("", column);
        let text = |column: &str| row.try_get::<String>("", column);
        let (id, cluster, position) = (number("id")?, number("cluster_id")?, number("position")?);
        match kind.as_str() {
            "cluster" => {
                let user: Option<String> = row.try_get("", "sql_user")?;
                let password: Option<String> = row.try_get("", "sql_password")?;
                let cluster = Cluster {
                    id: ClusterId(id),
                    zones: Vec::new(),
                    status: word("cluster", id, &text("status")?)?,
                    sql: user.map(|user| SqlAccount {
                        user,
                        password: password.unwrap_or_default(),
                    }),
                    selector: word("cluster", id, &text("detail")?)?,
                    name: text("name")?,
                    ob_cluster_id: number("first_number")?,
                    status_reason: text("status_reason")?,
                    generation: number("second_number")?,
                    active_task: row.try_get::<Option<i64>>("", "reference")?.map(TaskId),
                    create_time: Micros(number("create_time")?),
                    update_time: Micros(number("update_time")?),
                    creator: text("creator")?,
                };
                self.clusters.insert(id, cluster);
            }
            "zone" => {
                let zone = Zone {
                    id: ZoneId(id),
                    name: text("name")?,
                    status: word("zone", id, &text("status")?)?,
                    servers: Vec::new(),
                };
                self.zones.push((cluster, position, zone));
            }
            _ => {
                let port = |column: &str| {
                    let port = u16::try_from(number(column)?);
                    port.map_err(|error| StoreError::corrupt("server", id, error))
                };
                let update_time = number("update_time")?;
                let server = Server {
                    id: ServerId(id),
                    sql_port: port("first_number")?,
                    rpc_port: port("second_number")?,
                    status: word("server", id, &text("status")?)?,
                    driver: json("server", id, &text("detail")?)?,
                    ip: text("name")?,
                    status_reason: text("status_reason")?,
                    stop_time: row.try_get::<Option<i64>>("", "reference")?.map(Micros),
                    update_time: Micros(update_time),
                };
                let zone = self.servers.entry(number("zone_id")?).or_default();
                zone.push((position, server));
                let changed = self.changed.entry(cluster).or_default();
                *changed = update_time.max(*changed);
            }
        }
        Ok(())
    }

    /// Zones and servers stand in the order in which they were registered.
    fn into_clusters(mut self) -> BTreeMap<i64, Cluster> {
        self.zones
            .sort_unstable_by_key(|(cluster, position, _)| (*cluster, *position));
        for (cluster, _, mut zone) in self.zones {
            let mut servers = self.servers.remove(&zone.id.0).unwrap_or_default();
            servers.sort_unstable_by_key(|(position, _)| *position);
            zone.servers = servers.into_iter().map(|(_, server)| server).collect();
            if let Some(cluster) = self.clusters.get_mut(&cluster) {
                cluster.zones.push(zone);
            }
        }
        for (id, cluster) in &mut self.clusters {
            let changed = self.changed.get(id).copied().unwrap_or_default();
            cluster.update_time = cluster.update_time.max(Micros(changed));
        }
        self.clusters
    }
}

impl server::Model {
    pub(crate) fn try_into_server(self) -> Result<Server, StoreError> {
        let port = |port: i64| {
            u16::try_from(port).map_err(|error| StoreError::corrupt("server", self.id, error))
        };
        Ok(Server {
            id: ServerId(self.id),
            sql_port: port(self.sql_port)?,
            rpc_port: port(self.rpc_port)?,
            status: word("server", self.id, &self.status)?,
            driver: json("server", self.id, &self.driver)?,
            ip: self.ip,
            status_reason: self.status_reason,
            stop_time: self.stop_time.map(Micros),
            update_time: Micros(self.update_time),
        })
    }
}
