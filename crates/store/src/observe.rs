//! What was seen of the servers of a cluster that no task holds.

use std::sync::Arc;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use slacktide_engine::{id::ClusterId, observe::Observed, status::ResourceStatus};

use crate::{
    clock,
    columns::{clean, to_json},
    connect::Store,
    error::StoreError,
    hot,
    statement::statement,
    write::Tx,
};

/// Locks the cluster's row, if it still is as it was when its servers were looked at.
const LOCK: &str = "UPDATE cluster SET version = version + 1 \
     WHERE id = ? AND generation = ? AND active_task_id IS NULL";

impl Store {
    /// Writes what was seen of an idle cluster's servers, and what that makes of its zones and of itself.
    /// `false`, and nothing is written, if a task holds the cluster or has held it since it was read.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn observe(
        &self,
        cluster: ClusterId,
        generation: i64,
        observed: Observed,
    ) -> Result<bool, StoreError> {
        let observed = Arc::new(observed);
        self.writer
            .write("recording what was observed", move |tx| {
                let observed = Arc::clone(&observed);
                Box::pin(async move { write(&tx, cluster, generation, &observed).await })
            })
            .await
    }
}

async fn write(
    tx: &Tx<'_>,
    cluster: ClusterId,
    generation: i64,
    observed: &Observed,
) -> Result<bool, StoreError> {
    let lock = statement(tx.db, LOCK, [cluster.0.into(), generation.into()]);
    if tx.db.execute_raw(lock).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let (hot, now) = (hot::of(tx.db.get_database_backend()), clock::now());
    let servers: Vec<_> = observed
        .servers
        .iter()
        .map(|(id, status, reason)| {
            let stop_time = (*status == ResourceStatus::Stopped).then_some(now);
            json!([id, status, clean(reason), stop_time, now])
        })
        .collect();
    execute(tx, &hot.update_servers, servers).await?;
    let zones = observed.zones.iter();
    let zones = zones.map(|(id, status)| json!([id, status])).collect();
    execute(tx, &hot.update_zones, zones).await?;
    let (status, reason) = &observed.cluster;
    let update = "UPDATE cluster SET status = ?, status_reason = ?, update_time = ? WHERE id = ?";
    let values = [
        status.as_str().into(),
        clean(reason).into_owned().into(),
        now.0.into(),
        cluster.0.into(),
    ];
    tx.db.execute_raw(statement(tx.db, update, values)).await?;
    Ok(true)
}

async fn execute(tx: &Tx<'_>, sql: &str, rows: Vec<Value>) -> Result<(), StoreError> {
    if !rows.is_empty() {
        let rows = to_json(&rows)?;
        tx.db
            .execute_raw(statement(tx.db, sql, [rows.into()]))
            .await?;
    }
    Ok(())
}
