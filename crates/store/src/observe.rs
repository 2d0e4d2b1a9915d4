//! What was seen of the servers of a cluster that no task holds.

use std::sync::Arc;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use slacktide_engine::{
    cluster::Cluster, id::ClusterId, observe::Observed, status::ResourceStatus, time::Micros,
};

use crate::{
    clock,
    columns::{clean, to_json},
    connect::Store,
    error::StoreError,
    hot,
    statement::statement,
    write::Tx,
};

/// Locks the cluster's row, if it still is as it was when its servers were looked at: what is written of the whole
/// was rolled up from all of its servers as they were then. The time only grows, so that of two who read the same
/// rows one has to look again.
const LOCK: &str = "UPDATE cluster SET version = version + 1, \
     update_time = CASE WHEN update_time < ? THEN ? ELSE update_time + 1 END \
     WHERE id = ? AND generation = ? AND active_task_id IS NULL AND update_time <= ?";

/// The cluster as it was when its servers were looked at.
#[derive(Clone, Copy)]
struct Before {
    id: ClusterId,
    generation: i64,
    update_time: Micros,
}

impl Store {
    /// Writes what was seen of an idle cluster's servers, and what that makes of its zones and of itself.
    /// `false`, and nothing is written, if the cluster has changed since it was read, or a task holds it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn observe(&self, cluster: &Cluster, observed: Observed) -> Result<bool, StoreError> {
        let before = Before {
            id: cluster.id,
            generation: cluster.generation,
            update_time: cluster.update_time,
        };
        let observed = Arc::new(observed);
        self.writer
            .write("recording what was observed", move |tx| {
                let observed = Arc::clone(&observed);
                Box::pin(async move { write(&tx, before, &observed).await })
            })
            .await
    }
}

async fn write(tx: &Tx<'_>, before: Before, observed: &Observed) -> Result<bool, StoreError> {
    let (hot, now) = (hot::of(tx.db.get_database_backend()), clock::now());
    let values = [
        now.0,
        now.0,
        before.id.0,
        before.generation,
        before.update_time.0,
    ];
    let lock = statement(tx.db, LOCK, values.map(Into::into));
    if tx.db.execute_raw(lock).await?.rows_affected() == 0 {
        return Ok(false);
    }
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
    let update = "UPDATE cluster SET status = ?, status_reason = ? WHERE id = ?";
    let values = [
        status.as_str().into(),
        clean(reason).into_owned().into(),
        before.id.0.into(),
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
