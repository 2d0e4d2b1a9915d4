//! Who works, and on what.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use slacktide_engine::{
    id::{SubtaskId, TaskId},
    kind::SubtaskKind,
    selector::Selector,
    time::Micros,
};

use crate::{
    columns::word, connect::Store, error::StoreError, executors::Executor, statement::statement,
};

/// An executor that holds a lease, with what it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorStatus {
    /// Its lease.
    pub lease: Executor,
    /// What selectors of clusters are matched with.
    pub labels: Selector,
    /// How many runs it has room for.
    pub capacity: u32,
    /// When it began.
    pub start_time: Micros,
    /// What it runs, oldest first.
    pub runs: Vec<ExecutorRun>,
}

/// A run of an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorRun {
    /// The task.
    pub task: TaskId,
    /// The subtask.
    pub subtask: SubtaskId,
    /// What the subtask does.
    pub kind: SubtaskKind,
    /// When the subtask began.
    pub since: Micros,
}

impl Store {
    /// The executors that hold a lease, by host, then by start, as they are at one moment.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn executors(&self) -> Result<Vec<ExecutorStatus>, StoreError> {
        let view = self.reads.view().await?;
        let mut runs = runs(&view).await?;
        let select = "SELECT id, host, labels, capacity, counter, start_time FROM executor \
             ORDER BY host, start_time, id";
        let rows = view.query_all_raw(statement(&view, select, [])).await?;
        view.end().await?;
        rows.into_iter()
            .map(|row| {
                let id: String = row.try_get("", "id")?;
                let labels: String = row.try_get("", "labels")?;
                let capacity: i64 = row.try_get("", "capacity")?;
                let unreadable = |error| StoreError::corrupt("executor", &id, error);
                Ok(ExecutorStatus {
                    labels: labels.parse().map_err(unreadable)?,
                    capacity: u32::try_from(capacity).unwrap_or(0),
                    start_time: Micros(row.try_get("", "start_time")?),
                    runs: runs.remove(&id).unwrap_or_default(),
                    lease: Executor {
                        host: row.try_get("", "host")?,
                        counter: row.try_get("", "counter")?,
                        id,
                    },
                })
            })
            .collect()
    }
}

/// All runs by executor.
async fn runs(db: &impl ConnectionTrait) -> Result<HashMap<String, Vec<ExecutorRun>>, StoreError> {
    let select = "SELECT owner, task_id, id, kind, COALESCE(start_time, create_time) AS since \
         FROM subtask WHERE status IN ('RUNNING', 'CANCELING') AND owner IS NOT NULL ORDER BY id";
    let mut runs: HashMap<_, Vec<_>> = HashMap::new();
    for row in db.query_all_raw(statement(db, select, [])).await? {
        let (id, kind): (i64, String) = (row.try_get("", "id")?, row.try_get("", "kind")?);
        let owner: String = row.try_get("", "owner")?;
        runs.entry(owner).or_default().push(ExecutorRun {
            task: TaskId(row.try_get("", "task_id")?),
            subtask: SubtaskId(id),
            kind: word("subtask", id, &kind)?,
            since: Micros(row.try_get("", "since")?),
        });
    }
    Ok(runs)
}
