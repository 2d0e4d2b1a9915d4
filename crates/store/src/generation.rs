//! Generations that outlive a registration.
//!
//! Hosts remember the highest fence that they have seen of a base directory, whichever cluster it came from.
//! So a cluster that may have got a directory from another one, by registering or by mending, goes on from the
//! highest generation of all.

use sea_orm::ConnectionTrait;
use slacktide_engine::id::ClusterId;

use crate::{error::StoreError, ids, statement::statement, write::Tx};

const HIGHEST: &str = "SELECT COALESCE(MAX(highest), 0) AS highest FROM ( \
     SELECT MAX(generation) AS highest FROM cluster \
     UNION ALL SELECT next AS highest FROM sequence WHERE name = 'generation') AS every";

/// The highest generation that any cluster, registered or forgotten, has had.
async fn highest(tx: &Tx<'_>) -> Result<i64, StoreError> {
    let row = tx.db.query_one_raw(statement(tx.db, HIGHEST, [])).await?;
    Ok(row.map_or(Ok(0), |row| row.try_get("", "highest"))?)
}

/// Takes a cluster up to the highest generation, unless a task holds it: that one's generation must stand.
pub(crate) async fn raise(tx: &Tx<'_>, cluster: ClusterId) -> Result<(), StoreError> {
    let update = "UPDATE cluster SET generation = ?, version = version + 1 \
         WHERE id = ? AND active_task_id IS NULL";
    let values = [highest(tx).await?.into(), cluster.0.into()];
    tx.db.execute_raw(statement(tx.db, update, values)).await?;
    Ok(())
}

/// Remembers the highest generation before a cluster is forgotten.
pub(crate) async fn remember(tx: &Tx<'_>) -> Result<(), StoreError> {
    let highest = highest(tx).await?;
    ids::begin(tx, "generation", highest).await?;
    let update = "UPDATE sequence SET next = ? WHERE name = 'generation' AND next < ?";
    let values = [highest.into(), highest.into()];
    tx.db.execute_raw(statement(tx.db, update, values)).await?;
    Ok(())
}
