//! Clusters: registering, reading, mending, forgetting.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
};
use slacktide_engine::{
    cluster::{Cluster, Driver, SqlAccount},
    id::{ClusterId, ServerId, ZoneId},
    selector::Selector,
    status::ResourceStatus,
};

use crate::{
    clock,
    cluster_rows::{CLUSTERS, read_clusters, server_row},
    connect::Store,
    entity::{cluster, server, zone},
    error::StoreError,
    generation,
    idempotency::{self, Key},
    ids,
    list::{Listed, Page},
    statement::statement,
    tasks::contains,
    write::Tx,
};

/// A cluster to be registered. It and its servers are RUNNING until observed otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCluster {
    /// Unique name.
    pub name: String,
    /// The id that OceanBase itself knows.
    pub ob_cluster_id: i64,
    /// A sys-tenant account.
    pub sql: Option<SqlAccount>,
    /// The labels that an executor must have to work on it.
    pub selector: Selector,
    /// Its zones, in order.
    pub zones: Vec<NewZone>,
    /// Name of the user who registers it.
    pub creator: String,
}

/// A zone of a cluster to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewZone {
    /// Name, unique in the cluster.
    pub name: String,
    /// Its servers, in order.
    pub servers: Vec<NewServer>,
}

/// A server of a zone to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewServer {
    /// Address on which it is reached.
    pub ip: String,
    /// Port of the MySQL protocol.
    pub sql_port: u16,
    /// Port of the servers' own protocol.
    pub rpc_port: u16,
    /// How its host is reached.
    pub driver: Driver,
}

/// Which clusters to list.
#[derive(Clone, Debug, Default)]
pub struct ClusterFilter {
    /// Part of the name, in any case.
    pub name: String,
    /// Statuses; any if empty.
    pub statuses: Vec<ResourceStatus>,
    /// Only these, where it is given.
    pub only: Option<Vec<ClusterId>>,
}

impl Store {
    /// Registers a cluster.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if its name, an address or a base directory is taken.
    pub async fn register(&self, new: NewCluster, key: Option<Key>) -> Result<Cluster, StoreError> {
        let input = std::sync::Arc::new((new, key));
        let id = self
            .writer
            .write("registering a cluster", move |tx| {
                let input = std::sync::Arc::clone(&input);
                Box::pin(async move { insert_cluster(&tx, &input.0, input.1.as_ref()).await })
            })
            .await?;
        self.cluster(id).await
    }

    /// Reads a cluster with its topology.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn cluster(&self, id: ClusterId) -> Result<Cluster, StoreError> {
        let found = self.cluster_reads.read(id).await?;
        found.ok_or_else(|| StoreError::not_found("cluster", id))
    }

    /// Reads a cluster by its name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn cluster_by_name(&self, name: &str) -> Result<Option<Cluster>, StoreError> {
        let select = "SELECT id FROM cluster WHERE name = ?";
        let select = statement(&self.reads, select, [name.into()]);
        let Some(row) = self.reads.query_one_raw(select).await? else {
            return Ok(None);
        };
        self.cluster_reads
            .read(ClusterId(row.try_get("", "id")?))
            .await
    }

    /// Lists clusters with their topology.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn clusters(
        &self,
        filter: &ClusterFilter,
        page: Page,
    ) -> Result<Listed<Cluster>, StoreError> {
        let words = filter.statuses.iter().map(|status| status.as_str());
        let condition = Condition::all()
            .add_option(contains(cluster::Column::Name, &filter.name))
            .add_option((!filter.statuses.is_empty()).then(|| cluster::Column::Status.is_in(words)))
            .add_option(filter.only.as_ref().map(|only| {
                let ids = only.iter().map(|id| id.0);
                cluster::Column::Id.is_in(ids)
            }));
        let view = self.reads.view().await?;
        let listed = page
            .fetch(cluster::Entity::find().filter(condition), &view)
            .await?;
        let ids: Vec<_> = listed.items.iter().map(|row| row.id).collect();
        let mut items = Vec::with_capacity(ids.len());
        for ids in ids.chunks(CLUSTERS) {
            let mut found = read_clusters(&view, ids).await?;
            items.extend(ids.iter().filter_map(|id| found.remove(id)));
        }
        view.end().await?;
        Ok(Listed {
            items,
            total: listed.total,
        })
    }

    /// Forgets a cluster, if no task holds it. Its tasks are kept.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a task holds it or it is gone: read it again.
    pub async fn unregister(&self, id: ClusterId, key: Option<Key>) -> Result<(), StoreError> {
        self.writer
            .write("unregistering a cluster", move |tx| {
                let key = key.clone();
                Box::pin(async move {
                    generation::remember(&tx).await?;
                    let free = cluster::Entity::delete_many()
                        .filter(cluster::Column::Id.eq(id.0))
                        .filter(cluster::Column::ActiveTaskId.is_null());
                    if free.exec(tx.db).await?.rows_affected == 0 {
                        return Err(StoreError::Conflict("the cluster"));
                    }
                    let servers = server::Column::ClusterId.eq(id.0);
                    server::Entity::delete_many()
                        .filter(servers)
                        .exec(tx.db)
                        .await?;
                    let zones = zone::Column::ClusterId.eq(id.0);
                    zone::Entity::delete_many()
                        .filter(zones)
                        .exec(tx.db)
                        .await?;
                    if let Some(key) = &key {
                        idempotency::remember(&tx, key, id.0, clock::now()).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

async fn insert_cluster(
    tx: &Tx<'_>,
    new: &NewCluster,
    key: Option<&Key>,
) -> Result<ClusterId, StoreError> {
    let now = clock::now();
    let id = ids::next(tx, "cluster", 1).await?;
    let row = cluster::ActiveModel {
        id: Set(id),
        name: Set(new.name.clone()),
        ob_cluster_id: Set(new.ob_cluster_id),
        status: Set(ResourceStatus::Running.to_string()),
        status_reason: Set(String::new()),
        generation: Set(0),
        active_task_id: Set(None),
        sql_user: Set(new.sql.as_ref().map(|sql| sql.user.clone())),
        sql_password: Set(new.sql.as_ref().map(|sql| sql.password.clone())),
        selector: Set(new.selector.to_string()),
        create_time: Set(now.0),
        update_time: Set(now.0),
        creator: Set(new.creator.clone()),
        version: Set(0),
    };
    cluster::Entity::insert(row)
        .exec_without_returning(tx.db)
        .await?;

    let server_count: usize = new.zones.iter().map(|zone| zone.servers.len()).sum();
    let first_zone = ids::next(tx, "zone", new.zones.len() as i64).await?;
    let first_server = ids::next(tx, "server", server_count as i64).await?;
    let mut server_ids = (first_server..).map(ServerId);
    let (mut zones, mut servers) = (Vec::new(), Vec::new());
    for (position, new_zone) in (0..).zip(&new.zones) {
        let zone = ZoneId(first_zone + position);
        zones.push(zone::ActiveModel {
            id: Set(zone.0),
            cluster_id: Set(id),
            position: Set(position),
            name: Set(new_zone.name.clone()),
            status: Set(ResourceStatus::Running.to_string()),
            version: Set(0),
        });
        let in_zone = new_zone.servers.iter().zip(server_ids.by_ref());
        for (position, (new_server, own)) in (0..).zip(in_zone) {
            servers.push(server_row(
                own,
                ClusterId(id),
                zone,
                position,
                new_server,
                now,
            )?);
        }
    }
    // SQLite takes 32,766 values a statement.
    for chunk in zones.chunks(1000) {
        zone::Entity::insert_many(chunk.to_vec())
            .exec_without_returning(tx.db)
            .await?;
    }
    for chunk in servers.chunks(1000) {
        server::Entity::insert_many(chunk.to_vec())
            .exec_without_returning(tx.db)
            .await?;
    }
    // Once its directories are its own: whoever had one of them before has left its generation behind by then.
    generation::raise(tx, ClusterId(id)).await?;
    if let Some(key) = key {
        idempotency::remember(tx, key, id, now).await?;
    }
    Ok(ClusterId(id))
}
