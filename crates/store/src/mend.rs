//! Mending a registered cluster: its account and its servers' drivers, also under a running task.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};
use slacktide_engine::{
    cluster::{Cluster, Driver, SqlAccount},
    id::{ClusterId, ServerId},
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
    tasks::run,
    write::Tx,
};

const LOCK_TASK_OF_CLUSTER: &str =
    "UPDATE task SET version = version + 1 WHERE cluster_id = ? AND status = 'RUNNING'";

const LET_GO_OF_BASE_DIRS: &str = "UPDATE server SET base_dir_hash = NULL \
     WHERE cluster_id = ? AND id IN (SELECT value FROM json_each(?))";

/// What no executor has taken yet goes to the host that its server is on now.
const MOVE_SUBTASKS: &str = "UPDATE subtask \
     SET host = (SELECT host FROM server WHERE server.id = subtask.server_id), version = version + 1 \
     WHERE task_id IN (SELECT id FROM task WHERE cluster_id = ? AND status = 'RUNNING') \
     AND server_id IS NOT NULL AND status IN ('PENDING', 'READY')";

/// What may be mended of a registered server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The server.
    pub id: ServerId,
    /// How its host is reached.
    pub driver: Driver,
}

impl Store {
    /// Mends a cluster's account and its servers' drivers. Its topology stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Duplicate`] if a base directory is taken.
    pub async fn mend(
        &self,
        id: ClusterId,
        sql: Option<SqlAccount>,
        servers: Vec<ServerSettings>,
        key: Option<Key>,
    ) -> Result<Cluster, StoreError> {
        let input = std::sync::Arc::new((sql, servers, key));
        self.writer
            .write("updating a cluster", move |tx| {
                let input = std::sync::Arc::clone(&input);
                Box::pin(async move {
                    let (sql, servers, key) = &*input;
                    update_settings(&tx, id, sql.as_ref(), servers, key.as_ref()).await
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
    servers: &[ServerSettings],
    key: Option<&Key>,
) -> Result<(), StoreError> {
    let now = clock::now();
    tx.db
        .execute_raw(run(LOCK_TASK_OF_CLUSTER, vec![id.0.into()]))
        .await?;
    let updated = cluster::Entity::update_many()
        .col_expr(
            cluster::Column::SqlUser,
            Expr::value(sql.map(|sql| sql.user.clone())),
        )
        .col_expr(
            cluster::Column::SqlPassword,
            Expr::value(sql.map(|sql| sql.password.clone())),
        )
        .col_expr(cluster::Column::UpdateTime, Expr::value(now.0))
        .col_expr(cluster::Column::Version, Expr::cust("version + 1"))
        .filter(cluster::Column::Id.eq(id.0))
        .exec(tx.db)
        .await?;
    if updated.rows_affected == 0 {
        return Err(StoreError::not_found("cluster", id));
    }
    // All are let go before any is taken, so that two servers may swap their base directories.
    let named: Vec<_> = servers.iter().map(|settings| settings.id).collect();
    tx.db
        .execute_raw(run(
            LET_GO_OF_BASE_DIRS,
            vec![id.0.into(), to_json(&named)?.into()],
        ))
        .await?;
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
    tx.db
        .execute_raw(run(MOVE_SUBTASKS, vec![id.0.into()]))
        .await?;
    tx.wake(Wake::Work);
    if let Some(key) = key {
        idempotency::remember(tx, key, id.0, now).await?;
    }
    Ok(())
}
