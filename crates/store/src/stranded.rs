//! What nobody works on: runs whose executors are gone, and subtasks that no living executor may run.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, Value};
use slacktide_engine::{
    id::{SubtaskId, TaskId},
    selector::Selector,
    status::{Operation, SubtaskStatus},
    time::Micros,
};

use crate::{
    columns::word,
    connect::Store,
    error::StoreError,
    runs::{KEYS, RunKey, met},
    statement::statement,
};

/// Where an executor must be, and what labels it must have, to run a subtask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Its host; any where there is none.
    pub host: Option<String>,
    /// The labels.
    pub selector: Selector,
}

impl Place {
    fn admits(&self, host: &str, labels: &Selector) -> bool {
        let here = self.host.as_deref().is_none_or(|own| own == host);
        here && self.selector.is_met_by(labels)
    }
}

/// A subtask that is READY, or whose run's executor is gone, in a place where no executor lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranded {
    /// Where there is nobody.
    pub place: Place,
    /// The task.
    pub task: TaskId,
    /// The subtask.
    pub subtask: SubtaskId,
    /// Its lost run, if it is not READY.
    pub epoch: i64,
    /// READY, RUNNING or CANCELING.
    pub status: SubtaskStatus,
    /// What it is to do.
    pub operation: Operation,
    /// When the time of its lost run is over.
    pub deadline: Option<Micros>,
}

impl Store {
    /// Runs whose executors have no lease any more, which an executor on `host`, on whose labels these selectors
    /// are met, may take over: at most `limit`, oldest first. A SKIP is anybody's, as in
    /// [`candidates`](Self::candidates).
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn lost(
        &self,
        host: &str,
        selectors: &[Selector],
        limit: usize,
    ) -> Result<Vec<RunKey>, StoreError> {
        let (met, mut values) = met(selectors);
        let lost = format!(
            "{KEYS} WHERE status IN ('RUNNING', 'CANCELING') AND {met} AND (host IS NULL OR host = ? \
             OR (operation = 'SKIP' AND NOT EXISTS \
             (SELECT 1 FROM executor WHERE executor.host = subtask.host))) \
             AND NOT EXISTS (SELECT 1 FROM executor WHERE executor.id = subtask.owner) \
             ORDER BY id LIMIT ?"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        values.extend([host.into(), limit.into()]);
        self.run_keys(&lost, values).await
    }

    /// What is READY, or was lost, and has nobody who may run it, oldest first within a place.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stranded(&self) -> Result<Vec<Stranded>, StoreError> {
        let mut stranded = Vec::new();
        for place in self.forsaken().await? {
            stranded.extend(self.stranded_in(&place).await?);
        }
        Ok(stranded)
    }

    /// The places in which there is something to run and no executor.
    async fn forsaken(&self) -> Result<BTreeSet<Place>, StoreError> {
        let select = "SELECT DISTINCT host, selector FROM subtask \
             WHERE status IN ('READY', 'RUNNING', 'CANCELING') AND (host IS NOT NULL OR selector <> '')";
        let select = statement(&self.reads, select, []);
        let mut places = BTreeSet::new();
        for row in self.reads.query_all_raw(select).await? {
            places.insert(Place {
                host: row.try_get("", "host")?,
                selector: word("selector", 0, &row.try_get::<String>("", "selector")?)?,
            });
        }
        if places.is_empty() {
            return Ok(places);
        }
        let select = statement(&self.reads, "SELECT host, labels FROM executor", []);
        for row in self.reads.query_all_raw(select).await? {
            let host: String = row.try_get("", "host")?;
            let labels = word("labels", 0, &row.try_get::<String>("", "labels")?)?;
            places.retain(|place| !place.admits(&host, &labels));
        }
        Ok(places)
    }

    async fn stranded_in(&self, place: &Place) -> Result<Vec<Stranded>, StoreError> {
        let mut values: Vec<Value> = vec![place.selector.to_string().into()];
        let of_host = match &place.host {
            Some(host) => {
                values.push(host.clone().into());
                "host = ?"
            }
            None => "host IS NULL",
        };
        let select = format!(
            "SELECT task_id, id, epoch, status, operation, deadline FROM subtask \
             WHERE status IN ('READY', 'RUNNING', 'CANCELING') AND selector = ? AND {of_host} \
             AND NOT EXISTS (SELECT 1 FROM executor WHERE executor.id = subtask.owner) ORDER BY id"
        );
        let select = statement(&self.reads, &select, values);
        let rows = self.reads.query_all_raw(select).await?;
        rows.into_iter()
            .map(|row| {
                let id: i64 = row.try_get("", "id")?;
                let text = |column| row.try_get::<String>("", column);
                Ok(Stranded {
                    place: place.clone(),
                    task: TaskId(row.try_get("", "task_id")?),
                    subtask: SubtaskId(id),
                    epoch: row.try_get("", "epoch")?,
                    status: word("subtask", id, &text("status")?)?,
                    operation: word("subtask", id, &text("operation")?)?,
                    deadline: row.try_get::<Option<i64>>("", "deadline")?.map(Micros),
                })
            })
            .collect()
    }
}
