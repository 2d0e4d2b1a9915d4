//! Mending a registered cluster: its account, its selector and its servers' drivers, also under a running task.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use slacktide_engine::{
    cluster::{Cluster, Driver, SqlAccount},
    id::{ClusterId, ServerId},
    selector::Selector,
};

use crate::{
    clock,
    cluster_rows::base_dir_hash,
    columns::to_json,
    connect::Store,
    entity::{cluster, server},
    error::StoreError,
    generation,
    idempotency::{self, Key},
    signal::Wake,
    statement::statement,
    write::Tx,
};

/// The task that holds the cluster, if one does: it may be FAILED and be retried.
const LOCK_TASK_OF_CLUSTER: &str = "UPDATE task SET version = version + 1 \
     WHERE id = (SELECT active_task_id FROM cluster WHERE id = ?)";

/// What is to be run on a server, now or after a retry, goes to the host that it is on now, and all to executors with
/// the labels that are asked for now.
const MOVE_SUBTASKS: &str = "UPDATE subtask \
     SET host = CASE WHEN server_id IS NULL THEN host \
     ELSE (SELECT host FROM server WHERE server.id = subtask.server_id) END, \
     selector = (SELECT selector FROM cluster WHERE id = ?), version = version + 1 \
     WHERE task_id = (SELECT active_task_id FROM cluster WHERE id = ?) \
     AND status NOT IN ('RUNNING', 'CANCELING')";

/// How many rows one statement names at most: databases limit the values of a statement.
const CHUNK: usize = 1000;

/// What may be mended of a registered server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The server.
    pub id: ServerId,
    /// How its host is reached.
    pub driver: Driver,
}

impl Store {
    /// Mends a cluster's account, its selector and its servers' drivers. Its topology stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Duplicate`] if a base directory is taken.
    pub async fn mend(
        &self,
        id: ClusterId,
        sql: Option<SqlAccount>,
        selector: Selector,
        servers: Vec<ServerSettings>,
        key: Option<Key>,
    ) -> Result<Cluster, StoreError> {
        let input = std::sync::Arc::new((sql, selector, servers, key));
        self.writer
            .write("updating a cluster", move |tx| {
                let input = std::sync::Arc::clone(&input);
                Box::pin(async move {
                    let (sql, selector, servers, key) = &*input;
                    update_settings(&tx, id, sql.as_ref(), selector, servers, key.as_ref()).await
                })
            })
            .await?;
        self.cluster(id).await
    }
}

async fn update_settings(
    tx: &Tx<'_>,
    id: ClusterId,
    sql: Option<&SqlAccount>,
    selector: &Selector,
    servers: &[ServerSettings],
    key: Option<&Key>,
) -> Result<(), StoreError> {
    let now = clock::now();
    let of_cluster = |sql| statement(tx.db, sql, [id.0.into()]);
    tx.db.execute_raw(of_cluster(LOCK_TASK_OF_CLUSTER)).await?;
    let updated = cluster::Entity::update_many()
        .col_expr(
            cluster::Column::SqlUser,
            Expr::value(sql.map(|sql| sql.user.clone())),
        )
        .col_expr(
            cluster::Column::SqlPassword,
            Expr::value(sql.map(|sql| sql.password.clone())),
        )
        .col_expr(cluster::Column::Selector, Expr::value(selector.to_string()))
        .col_expr(cluster::Column::UpdateTime, Expr::value(now.0))
        .col_expr(cluster::Column::Version, Expr::cust("version + 1"))
        .filter(cluster::Column::Id.eq(id.0))
        .exec(tx.db)
        .await?;
    if updated.rows_affected == 0 {
        return Err(StoreError::not_found("cluster", id));
    }
    // All are let go before any is taken, so that two servers may swap their base directories.
    let named: Vec<_> = servers.iter().map(|settings| settings.id.0).collect();
    for chunk in named.chunks(CHUNK) {
        server::Entity::update_many()
            .col_expr(
                server::Column::BaseDirHash,
                Expr::value(Option::<String>::None),
            )
            .filter(server::Column::ClusterId.eq(id.0))
            .filter(server::Column::Id.is_in(chunk.iter().copied()))
            .exec(tx.db)
            .await?;
    }
    for settings in servers {
        server::Entity::update_many()
            .col_expr(
                server::Column::Driver,
                Expr::value(to_json(&settings.driver)?),
            )
            .col_expr(
                server::Column::Host,
                Expr::value(settings.driver.host().map(str::to_owned)),
            )
            .col_expr(
                server::Column::BaseDirHash,
                Expr::value(base_dir_hash(&settings.driver)),
            )
            .col_expr(server::Column::UpdateTime, Expr::value(now.0))
            .col_expr(server::Column::Version, Expr::cust("version + 1"))
            .filter(server::Column::Id.eq(settings.id.0))
            .filter(server::Column::ClusterId.eq(id.0))
            .exec(tx.db)
            .await?;
    }
    generation::raise(tx, id).await?;
    let moved = statement(tx.db, MOVE_SUBTASKS, [id.0.into(), id.0.into()]);
    tx.db.execute_raw(moved).await?;
    tx.wake(Wake::Work);
    if let Some(key) = key {
        idempotency::remember(tx, key, id.0, now).await?;
    }
    Ok(())
}
