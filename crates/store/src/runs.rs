//! What executors ask: what there is to run, and everything that a run needs to know.

use sea_orm::{ConnectionTrait, Value};
use slacktide_engine::{
    id::{SubtaskId, TaskId},
    selector::Selector,
    subtask::Subtask,
    time::Micros,
};

use crate::{
    batch::{IntentOp, Op, Reply},
    clock,
    columns::word,
    connect::Store,
    error::StoreError,
    statement::statement,
    tasks::subtasks_by_id,
};

/// Subtasks that an executor may try to claim; a claim decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// READY ones whose time has come.
    pub ready: Vec<(TaskId, SubtaskId)>,
    /// RUNNING and CANCELING ones whose executor has no lease any more, with the epochs of their lost runs.
    pub lost: Vec<(TaskId, SubtaskId, i64)>,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// READY subtasks.
    pub ready: i64,
    /// RUNNING subtasks.
    pub running: i64,
}

/// A run as the database has it: its task, its subtask, its epoch.
pub type RunKey = (TaskId, SubtaskId, i64);

pub(crate) const KEYS: &str = "SELECT task_id, id, epoch FROM subtask";

/// The condition that one of these selectors, or the empty one, is a subtask's, and its values.
pub(crate) fn met(selectors: &[Selector]) -> (String, Vec<Value>) {
    let places = vec![", ?"; selectors.len()].concat();
    let values = selectors.iter().map(|selector| selector.to_string().into());
    (format!("selector IN (''{places})"), values.collect())
}

impl Store {
    /// What an executor on `host`, on whose labels these selectors are met, may claim: at most `limit` of each
    /// sort, oldest first. The empty selector is always met. A SKIP is anybody's where no executor of the
    /// subtask's host lives: there is nothing to do but to look.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn candidates(
        &self,
        host: &str,
        selectors: &[Selector],
        limit: usize,
    ) -> Result<Candidates, StoreError> {
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let (met, selectors_met) = met(selectors);
        let ready = format!(
            "{KEYS} WHERE status = 'READY' AND {met} AND (not_before IS NULL OR not_before <= ?) \
             AND (host IS NULL OR host = ? OR (operation = 'SKIP' AND NOT EXISTS \
             (SELECT 1 FROM executor WHERE executor.host = subtask.host))) ORDER BY id LIMIT ?"
        );
        let mut values = selectors_met;
        values.extend([clock::now().0.into(), host.into(), most.into()]);
        let ready = self.run_keys(&ready, values);
        let lost = self.lost(host, selectors, limit);
        let (ready, lost) = tokio::try_join!(ready, lost)?;
        let ready = ready.into_iter().map(|(task, subtask, _)| (task, subtask));
        Ok(Candidates {
            ready: ready.collect(),
            lost,
        })
    }

    /// The selectors of all clusters: what an executor compares its labels with.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn selectors(&self) -> Result<Vec<Selector>, StoreError> {
        let select = "SELECT DISTINCT selector FROM cluster WHERE selector <> '' \
             UNION SELECT DISTINCT selector FROM subtask \
             WHERE selector <> '' AND status IN ('READY', 'RUNNING', 'CANCELING')";
        let rows = self
            .reads
            .query_all_raw(statement(&self.reads, select, []))
            .await?;
        rows.into_iter()
            .map(|row| word("selector", 0, &row.try_get::<String>("", "selector")?))
            .collect()
    }

    /// The runs that are an executor's own, as the database has it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn runs_of(&self, executor: &str) -> Result<Vec<RunKey>, StoreError> {
        let own = format!("{KEYS} WHERE status IN ('RUNNING', 'CANCELING') AND owner = ?");
        self.run_keys(&own, [executor.into()]).await
    }

    /// Those runs of an executor that are to end.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn canceling(&self, executor: &str) -> Result<Vec<RunKey>, StoreError> {
        let own = format!("{KEYS} WHERE status = 'CANCELING' AND owner = ?");
        self.run_keys(&own, [executor.into()]).await
    }

    /// Runs that an executor on `host` can end, and whose time was over before `before`. Those of a host on which
    /// no executor lives are anybody's: there is nobody else to end them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn overdue(&self, host: &str, before: Micros) -> Result<Vec<RunKey>, StoreError> {
        let overdue = format!(
            "{KEYS} WHERE status IN ('RUNNING', 'CANCELING') AND deadline < ? AND (host IS NULL OR host = ? OR \
             NOT EXISTS (SELECT 1 FROM executor WHERE executor.host = subtask.host)) ORDER BY id"
        );
        self.run_keys(&overdue, [before.0.into(), host.into()])
            .await
    }

    pub(crate) async fn run_keys(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<RunKey>, StoreError> {
        let rows = self
            .reads
            .query_all_raw(statement(&self.reads, sql, values))
            .await?;
        rows.into_iter()
            .map(|row| {
                let task = TaskId(row.try_get("", "task_id")?);
                let subtask = SubtaskId(row.try_get("", "id")?);
                Ok((task, subtask, row.try_get("", "epoch")?))
            })
            .collect()
    }

    /// Records what a run is about to do. `false` if the run is over: then it must do nothing more.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_intent(&self, subtask: &Subtask, intent: &str) -> Result<bool, StoreError> {
        let op = Op::Intent(IntentOp {
            task: subtask.task,
            subtask: subtask.id,
            epoch: subtask.epoch,
            intent: intent.to_owned(),
        });
        match self.writer.share("recording an intent", op).await {
            Ok(Reply::Recorded(recorded)) => Ok(recorded),
            Ok(Reply::Committed(_) | Reply::Done) => Err(StoreError::Closed),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
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
            let count = statement(&self.reads, count, [status.into()]);
            let row = self.reads.query_one_raw(count).await?;
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
