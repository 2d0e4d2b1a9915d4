//! Histories of tasks, as watchers read them.

use sea_orm::ConnectionTrait;
use slacktide_engine::{id::TaskId, revision::Revision};

use crate::{columns::json, connect::Store, error::StoreError, statement::statement};

const SELECT: &str = "SELECT changes FROM task_revision \
     WHERE task_id = ? AND last_revision > ? ORDER BY first_revision LIMIT ?";

/// How many commits' worth of revisions one read returns at most.
const COMMITS: i64 = 256;

impl Store {
    /// The revisions of a task after `after`, in order, without a gap. Not all of them if there are many: read
    /// again after the last. Empty when there are none yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revisions(&self, task: TaskId, after: i64) -> Result<Vec<Revision>, StoreError> {
        let values = [task.0.into(), after.into(), COMMITS.into()];
        let rows = self
            .reads
            .query_all_raw(statement(&self.reads, SELECT, values))
            .await?;
        let mut revisions = Vec::new();
        for row in rows {
            let changes: String = row.try_get("", "changes")?;
            let of_commit: Vec<Revision> = json("task_revision", task.0, &changes)?;
            // A commit's array may begin before what the watcher has seen already.
            revisions.extend(
                of_commit
                    .into_iter()
                    .filter(|revision| revision.number > after),
            );
        }
        Ok(revisions)
    }
}
