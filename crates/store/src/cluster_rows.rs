//! Clusters with their topology as rows.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};
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
    entity::{cluster, server, zone},
    error::StoreError,
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

pub(crate) async fn with_topology(
    view: &impl ConnectionTrait,
    row: cluster::Model,
) -> Result<Cluster, StoreError> {
    let zones = zone::Entity::find()
        .filter(zone::Column::ClusterId.eq(row.id))
        .order_by_asc(zone::Column::Position)
        .all(view)
        .await?;
    let mut servers = server::Entity::find()
        .filter(server::Column::ClusterId.eq(row.id))
        .order_by_asc(server::Column::Position)
        .all(view)
        .await?;
    let changed = servers
        .iter()
        .map(|server| server.update_time)
        .max()
        .unwrap_or(0);
    let zones = zones.into_iter().map(|zone| {
        let own = servers.extract_if(.., |server| server.zone_id == zone.id);
        let servers = own
            .map(server::Model::try_into_server)
            .collect::<Result<_, _>>()?;
        let status = word("zone", zone.id, &zone.status)?;
        Ok(Zone {
            id: ZoneId(zone.id),
            name: zone.name,
            status,
            servers,
        })
    });
    Ok(Cluster {
        id: ClusterId(row.id),
        zones: zones.collect::<Result<_, StoreError>>()?,
        status: word("cluster", row.id, &row.status)?,
        sql: row.clone().into_sql_account(),
        selector: word("cluster", row.id, &row.selector)?,
        name: row.name,
        ob_cluster_id: row.ob_cluster_id,
        status_reason: row.status_reason,
        generation: row.generation,
        active_task: row.active_task_id.map(TaskId),
        create_time: Micros(row.create_time),
        update_time: Micros(row.update_time.max(changed)),
        creator: row.creator,
    })
}

impl cluster::Model {
    pub(crate) fn into_sql_account(self) -> Option<SqlAccount> {
        Some(SqlAccount {
            user: self.sql_user?,
            password: self.sql_password.unwrap_or_default(),
        })
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
