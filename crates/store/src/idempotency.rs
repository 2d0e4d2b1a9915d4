//! Requests that were carried out, by the key that the caller gave them. Refusals are not remembered.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use slacktide_engine::{id::UserId, time::Micros};

use crate::{
    clock,
    columns::to_json,
    connect::Store,
    error::{Duplicate, StoreError},
    hot,
    statement::statement,
    write::Tx,
};

/// How long a key is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// A request under its key. The scope of a key is one user and one RPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Who asks.
    pub user: UserId,
    /// Name of the RPC.
    pub rpc: &'static str,
    /// What the caller calls the request.
    pub request_id: String,
    /// Digest of the request: another one under the same key is refused.
    pub request_hash: String,
}

/// A request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Digest of the request.
    pub request_hash: String,
    /// What it made: a task or a cluster.
    pub resource: i64,
}

impl Store {
    /// What was done under a key, if anything.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn remembered(&self, key: &Key) -> Result<Option<Remembered>, StoreError> {
        let select = "SELECT request_hash, resource_id FROM idempotency_key \
             WHERE user_id = ? AND rpc = ? AND request_id = ? AND create_time >= ?";
        let values = [
            key.user.0.into(),
            key.rpc.into(),
            key.request_id.clone().into(),
            oldest(clock::now()).into(),
        ];
        let Some(row) = self
            .reads
            .query_one_raw(statement(&self.reads, select, values))
            .await?
        else {
            return Ok(None);
        };
        Ok(Some(Remembered {
            request_hash: row.try_get("", "request_hash")?,
            resource: row.try_get("", "resource_id")?,
        }))
    }
}

/// Remembers a request, in the transaction that carries it out.
pub(crate) async fn remember(
    tx: &Tx<'_>,
    key: &Key,
    resource: i64,
    now: Micros,
) -> Result<(), StoreError> {
    tx.db.execute_raw(purge(tx.db, now)).await?;
    let rows = to_json(&[row(key, resource, now)])?;
    let insert = &hot::of(tx.db.get_database_backend()).insert_keys;
    let inserted = tx.db.execute_raw(statement(tx.db, insert, [rows.into()]));
    match inserted.await.map_err(StoreError::from) {
        Err(StoreError::Duplicate(_)) => Err(StoreError::Duplicate(Duplicate::RequestId)),
        other => other.map(drop),
    }
}

/// Forgets keys that are too old.
pub(crate) fn purge(db: &impl ConnectionTrait, now: Micros) -> Statement {
    let purge = "DELETE FROM idempotency_key WHERE create_time < ?";
    statement(db, purge, [oldest(now).into()])
}

/// The order of `hot::KEY`.
pub(crate) fn row(key: &Key, resource: i64, now: Micros) -> Value {
    json!([
        key.user,
        key.rpc,
        key.request_id,
        key.request_hash,
        resource,
        now
    ])
}

/// Keys of before this time have lost their force.
pub(crate) fn oldest(now: Micros) -> i64 {
    now.0 - i64::try_from(KEPT.as_micros()).unwrap_or(0)
}
