//! What executors ask: what there is to run, and everything that a run needs to know.

use std::sync::Arc;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};
use slacktide_engine::{
    cluster::{Server, SqlAccount},
    id::{SubtaskId, TaskId},
    subtask::Subtask,
    task::Task,
};

use crate::{
    columns::to_json,
    connect::Store,
    entity::{cluster, server},
    error::StoreError,
    hot,
    tasks::{run, subtasks_by_id},
};

/// Subtasks that an executor may try to claim; a claim decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// READY ones.
    pub ready: Vec<(TaskId, SubtaskId)>,
    /// RUNNING ones whose executor has no lease any more, with the epochs of their lost runs.
    pub lost: Vec<(TaskId, SubtaskId, i64)>,
}

/// A run with what it works on, read when the run begins: a driver's settings may be mended in between.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The task.
    pub task: Arc<Task>,
    /// The subtask; its epoch is that of the run.
    pub subtask: Subtask,
    /// The server that it works on, or the zone's servers.
    pub servers: Vec<Server>,
    /// Journal of the one server that it works on: the identity of its process.
    pub process: Option<String>,
    /// The cluster's SQL account.
    pub sql: Option<SqlAccount>,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// READY subtasks.
    pub ready: i64,
    /// RUNNING subtasks.
    pub running: i64,
}

impl Store {
    /// What an executor on `host` may claim: at most `limit` of each sort, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn candidates(&self, host: &str, limit: usize) -> Result<Candidates, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let ready = "SELECT task_id, id, epoch FROM subtask \
             WHERE status = 'READY' AND (host IS NULL OR host = ?) ORDER BY id LIMIT ?";
        let lost = "SELECT task_id, id, epoch FROM subtask \
             WHERE status = 'RUNNING' AND (host IS NULL OR host = ?) \
             AND NOT EXISTS (SELECT 1 FROM executor WHERE executor.id = subtask.owner) \
             ORDER BY id LIMIT ?";
        let values = || vec![host.into(), limit.into()];
        let ready = self.subtask_keys(ready, values()).await?;
        let lost = self.subtask_keys(lost, values()).await?;
        let ready = ready
            .into_iter()
            .map(|(task, subtask, _)| (task, subtask))
            .collect();
        Ok(Candidates { ready, lost })
    }

    /// The runs that are an executor's own, as the database has it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn runs_of(
        &self,
        executor: &str,
    ) -> Result<Vec<(TaskId, SubtaskId, i64)>, StoreError> {
        let own = "SELECT task_id, id, epoch FROM subtask WHERE status = 'RUNNING' AND owner = ?";
        self.subtask_keys(own, vec![executor.into()]).await
    }

    async fn subtask_keys(
        &self,
        sql: &str,
        values: Vec<sea_orm::Value>,
    ) -> Result<Vec<(TaskId, SubtaskId, i64)>, StoreError> {
        let rows = self.reads.query_all_raw(run(sql, values)).await?;
        rows.into_iter()
            .map(|row| {
                let task = TaskId(row.try_get("", "task_id")?);
                Ok((
                    task,
                    SubtaskId(row.try_get("", "id")?),
                    row.try_get("", "epoch")?,
                ))
            })
            .collect()
    }

    /// Everything that the claimed runs of one task need to know.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn assignments(
        &self,
        task: Task,
        claimed: Vec<Subtask>,
    ) -> Result<Vec<Assignment>, StoreError> {
        let sql = self.sql_account(task.cluster.id.0).await?;
        let servers = self.servers_for(&claimed).await?;
        let task = Arc::new(task);
        claimed
            .into_iter()
            .map(|subtask| {
                let works_on = |row: &&server::Model| match (subtask.server, subtask.zone) {
                    (Some(server), _) => row.id == server.0,
                    (None, Some(zone)) => row.zone_id == zone.0,
                    (None, None) => false,
                };
                let rows: Vec<_> = servers.iter().filter(works_on).collect();
                let process = match (subtask.server, rows.first()) {
                    (Some(_), Some(row)) => row.process.clone(),
                    _ => None,
                };
                let servers = rows
                    .into_iter()
                    .map(|row| row.clone().try_into_server())
                    .collect::<Result<_, _>>()?;
                Ok(Assignment {
                    task: Arc::clone(&task),
                    subtask,
                    servers,
                    process,
                    sql: sql.clone(),
                })
            })
            .collect()
    }

    async fn servers_for(&self, claimed: &[Subtask]) -> Result<Vec<server::Model>, StoreError> {
        let servers: Vec<_> = claimed
            .iter()
            .filter_map(|subtask| subtask.server)
            .collect();
        let whole_zones = claimed.iter().filter(|subtask| subtask.server.is_none());
        let zones: Vec<_> = whole_zones.filter_map(|subtask| subtask.zone).collect();
        let select = "SELECT * FROM server WHERE id IN (SELECT value FROM json_each(?)) \
             OR zone_id IN (SELECT value FROM json_each(?)) ORDER BY id";
        let values = vec![to_json(&servers)?.into(), to_json(&zones)?.into()];
        Ok(server::Model::find_by_statement(run(select, values))
            .all(&self.reads)
            .await?)
    }

    async fn sql_account(&self, cluster: i64) -> Result<Option<SqlAccount>, StoreError> {
        let row = cluster::Entity::find()
            .filter(cluster::Column::Id.eq(cluster))
            .one(&self.reads);
        Ok(row.await?.and_then(cluster::Model::into_sql_account))
    }

    /// Records what a run is about to do. `false` if the run is over: then it must do nothing more.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_intent(&self, subtask: &Subtask, intent: &str) -> Result<bool, StoreError> {
        let lock = vec![subtask.task.0.into()];
        let values = vec![intent.into(), subtask.id.0.into(), subtask.epoch.into()];
        self.writer
            .write("recording an intent", move |tx| {
                let (lock, values) = (lock.clone(), values.clone());
                Box::pin(async move {
                    let update = "UPDATE subtask SET intent = ?, version = version + 1 \
                         WHERE id = ? AND epoch = ? AND status = 'RUNNING'";
                    let locked = tx.db.execute_raw(run(hot::LOCK_TASK, lock)).await?;
                    let recorded = tx.db.execute_raw(run(update, values)).await?;
                    Ok(locked.rows_affected() == 1 && recorded.rows_affected() == 1)
                })
            })
            .await
    }

    /// One subtask as it is now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn subtask(&self, task: TaskId, id: SubtaskId) -> Result<Subtask, StoreError> {
        let row = subtasks_by_id(&self.reads, task, &[id])
            .await?
            .into_iter()
            .next();
        row.ok_or_else(|| StoreError::not_found("subtask", id))?
            .try_into_subtask()
    }

    /// How much there is to do.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn queue_depth(&self) -> Result<QueueDepth, StoreError> {
        let count = "SELECT COUNT(*) AS number FROM subtask WHERE status = ?";
        let number = async |status: &str| -> Result<i64, StoreError> {
            let row = self
                .reads
                .query_one_raw(run(count, vec![status.into()]))
                .await?;
            Ok(row
                .map(|row| row.try_get("", "number"))
                .transpose()?
                .unwrap_or(0))
        };
        Ok(QueueDepth {
            ready: number("READY").await?,
            running: number("RUNNING").await?,
        })
    }
}
