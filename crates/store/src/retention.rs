//! Forgets what ended long ago, in small transactions: others commit in between, and none of them waits long.
//!
//! Children go first, so that a task is whole or visibly on its way out, and a row left behind by a crash is still
//! found by its task. Each transaction begins with the guarded UPDATE of the task's row.

use std::ops::Range;

use sea_orm::{ConnectionTrait, Value};
use slacktide_engine::{status::TaskStatus, time::Micros};

use crate::{
    clock, connect::Store, error::StoreError, idempotency, statement::statement, write::Tx,
};

/// The statuses of a task that has ended, if it holds no cluster. A FAILED one that does can be retried.
const ENDED: [TaskStatus; 2] = [TaskStatus::Successful, TaskStatus::Failed];

const HOLDS: &str = "SELECT 1 AS id FROM cluster \
     WHERE cluster.id = task.cluster_id AND cluster.active_task_id = task.id";

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Tasks, with their subtasks, histories and logs.
    pub tasks: u64,
    /// Idempotency keys that had lost their force.
    pub keys: u64,
}

impl Store {
    /// Deletes the tasks that ended before a time and hold no cluster, and the idempotency keys that are too old
    /// to count. A task of the last 24 hours stays in any case: a key may still name it.
    ///
    /// A transaction deletes about `batch` rows of each table, but the log of a subtask at once.
    ///
    /// # Errors
    /// [`StoreError::Database`]. What was deleted before stays deleted.
    pub async fn prune(&self, before: Micros, batch: usize) -> Result<Pruned, StoreError> {
        let before = before.0.min(idempotency::oldest(clock::now()));
        let batch = i64::try_from(batch.max(1)).unwrap_or(i64::MAX);
        let mut pruned = Pruned {
            tasks: 0,
            keys: self.prune_keys(batch).await?,
        };
        for status in ENDED {
            loop {
                let found = self.ended(status, before, batch).await?;
                let mut deleted = 0;
                for task in found {
                    deleted += u64::from(self.prune_task(task, status, before, batch).await?);
                }
                // What could not be deleted is another process's, or goes on.
                if deleted == 0 {
                    break;
                }
                pruned.tasks += deleted;
            }
        }
        Ok(pruned)
    }

    /// Some that ended first, as an index has them.
    async fn ended(
        &self,
        status: TaskStatus,
        before: i64,
        limit: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let select = format!(
            "SELECT id FROM task WHERE status = ? AND finish_time < ? AND NOT EXISTS ({HOLDS}) \
             ORDER BY finish_time LIMIT ?"
        );
        let values = [status.as_str().into(), before.into(), limit.into()];
        ids(&self.reads, &select, values).await
    }

    /// `false` if the task goes on, or somebody else has deleted it.
    async fn prune_task(
        &self,
        task: i64,
        status: TaskStatus,
        before: i64,
        batch: i64,
    ) -> Result<bool, StoreError> {
        loop {
            let pruning = self.writer.write("deleting an old task", move |tx| {
                Box::pin(async move {
                    if !lock(&tx, task, status, before).await? {
                        return Ok(Step::Gone);
                    }
                    let more = delete_subtasks(&tx, task, batch).await?
                        || delete_revisions(&tx, task, batch).await?;
                    if more {
                        return Ok(Step::More);
                    }
                    execute(&tx, "DELETE FROM task WHERE id = ?", [task.into()]).await?;
                    Ok(Step::Deleted)
                })
            });
            match pruning.await? {
                Step::More => {}
                Step::Deleted => return Ok(true),
                Step::Gone => return Ok(false),
            }
        }
    }

    async fn prune_keys(&self, batch: i64) -> Result<u64, StoreError> {
        let mut pruned = 0;
        loop {
            let deleting = self
                .writer
                .write("deleting old idempotency keys", move |tx| {
                    Box::pin(async move {
                        let oldest = idempotency::oldest(clock::now());
                        let select = "SELECT create_time AS id FROM idempotency_key \
                         WHERE create_time < ? ORDER BY create_time LIMIT ?";
                        let times = ids(tx.db, select, [oldest.into(), batch.into()]).await?;
                        let Some(last) = times.last() else {
                            return Ok(0);
                        };
                        let delete = "DELETE FROM idempotency_key WHERE create_time <= ?";
                        execute(&tx, delete, [(*last).into()]).await
                    })
                });
            match deleting.await? {
                0 => return Ok(pruned),
                deleted => pruned += deleted,
            }
        }
    }
}

enum Step {
    More,
    Deleted,
    Gone,
}

/// Locks the task. Only who has locked it may make it go on, so what is read then stays true.
async fn lock(tx: &Tx<'_>, task: i64, status: TaskStatus, before: i64) -> Result<bool, StoreError> {
    let update =
        "UPDATE task SET version = version + 1 WHERE id = ? AND status = ? AND finish_time < ?";
    let values = [task.into(), status.as_str().into(), before.into()];
    if execute(tx, update, values).await? == 0 {
        return Ok(false);
    }
    let held = format!("SELECT id FROM task WHERE id = ? AND EXISTS ({HOLDS})");
    Ok(ids(tx.db, &held, [task.into()]).await?.is_empty())
}

/// Deletes subtasks, with their logs. `true` if there may be more.
async fn delete_subtasks(tx: &Tx<'_>, task: i64, batch: i64) -> Result<bool, StoreError> {
    let select = "SELECT id FROM subtask WHERE task_id = ? ORDER BY id LIMIT ?";
    let found = ids(tx.db, select, [task.into(), batch.into()]).await?;
    for Range { start, end } in ranges(&found) {
        for delete in [
            "DELETE FROM subtask_log WHERE subtask_id >= ? AND subtask_id < ?",
            "DELETE FROM subtask WHERE id >= ? AND id < ?",
        ] {
            execute(tx, delete, [start.into(), end.into()]).await?;
        }
    }
    Ok(is_full(&found, batch))
}

/// Deletes revisions. `true` if there may be more.
async fn delete_revisions(tx: &Tx<'_>, task: i64, batch: i64) -> Result<bool, StoreError> {
    let select = "SELECT first_revision AS id FROM task_revision \
         WHERE task_id = ? ORDER BY first_revision LIMIT ?";
    let found = ids(tx.db, select, [task.into(), batch.into()]).await?;
    let Some(last) = found.last() else {
        return Ok(false);
    };
    let delete = "DELETE FROM task_revision WHERE task_id = ? AND first_revision <= ?";
    execute(tx, delete, [task.into(), (*last).into()]).await?;
    Ok(is_full(&found, batch))
}

fn is_full(found: &[i64], batch: i64) -> bool {
    i64::try_from(found.len()).is_ok_and(|found| found >= batch)
}

/// Sorted ids as ranges without gaps. A task's subtasks are one: their ids were reserved together.
fn ranges(ids: &[i64]) -> Vec<Range<i64>> {
    let mut ranges: Vec<Range<i64>> = Vec::new();
    for &id in ids {
        match ranges.last_mut() {
            Some(last) if last.end == id => last.end = id + 1,
            _ => ranges.push(id..id + 1),
        }
    }
    ranges
}

async fn ids(
    db: &impl ConnectionTrait,
    select: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<i64>, StoreError> {
    let rows = db.query_all_raw(statement(db, select, values)).await?;
    let ids = rows.into_iter().map(|row| row.try_get("", "id"));
    Ok(ids.collect::<Result<_, _>>()?)
}

async fn execute(
    tx: &Tx<'_>,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, StoreError> {
    let done = tx.db.execute_raw(statement(tx.db, sql, values)).await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_deleted_together_and_strangers_between_them_are_not() {
        assert_eq!(ranges(&[4, 5, 6, 9, 11, 12]), [4..7, 9..10, 11..13]);
        assert!(ranges(&[]).is_empty());
    }
}
