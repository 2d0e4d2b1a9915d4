//! What executors ask: what there is to run, and everything that a run needs to know.

use std::{collections::BTreeMap, sync::Arc};

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr,
};
use slacktide_engine::{
    cluster::{Server, SqlAccount},
    id::{SubtaskId, TaskId},
    selector::Selector,
    subtask::Subtask,
    task::Task,
    time::Micros,
};

use crate::{
    batch::{IntentOp, Op, Reply},
    clock,
    columns::word,
    connect::Store,
    entity::{cluster, server},
    error::StoreError,
    reads::Reads,
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
    /// Journal of that server: what it takes to start its process again.
    pub launch: Option<String>,
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

/// How many rows one statement names at most: databases limit the values of a statement.
const CHUNK: usize = 1000;

/// Servers by id, in the order of their ids within a zone.
#[derive(Default)]
struct Servers {
    by_id: BTreeMap<i64, server::Model>,
    by_zone: BTreeMap<i64, Vec<i64>>,
}

impl Servers {
    async fn read(&mut self, which: Expr, reads: &Reads) -> Result<(), StoreError> {
        let found = server::Entity::find()
            .filter(which)
            .order_by_asc(server::Column::Id);
        for row in found.all(reads).await? {
            let (id, zone) = (row.id, row.zone_id);
            if self.by_id.insert(id, row).is_none() {
                self.by_zone.entry(zone).or_default().push(id);
            }
        }
        Ok(())
    }

    fn of_zone(&self, zone: i64) -> Vec<&server::Model> {
        let mut ids = self.by_zone.get(&zone).cloned().unwrap_or_default();
        ids.sort_unstable();
        ids.iter().filter_map(|id| self.by_id.get(id)).collect()
    }
}

/// A run as the database has it: its task, its subtask, its epoch.
pub type RunKey = (TaskId, SubtaskId, i64);

const KEYS: &str = "SELECT task_id, id, epoch FROM subtask";

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
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let met = vec![", ?"; selectors.len()].concat();
        let met = format!("selector IN (''{met})");
        let ready = format!(
            "{KEYS} WHERE status = 'READY' AND {met} AND (not_before IS NULL OR not_before <= ?) \
             AND (host IS NULL OR host = ? OR (operation = 'SKIP' AND NOT EXISTS \
             (SELECT 1 FROM executor WHERE executor.host = subtask.host))) ORDER BY id LIMIT ?"
        );
        let lost = format!(
            "{KEYS} WHERE status IN ('RUNNING', 'CANCELING') AND {met} AND (host IS NULL OR host = ? \
             OR (operation = 'SKIP' AND NOT EXISTS \
             (SELECT 1 FROM executor WHERE executor.host = subtask.host))) \
             AND NOT EXISTS (SELECT 1 FROM executor WHERE executor.id = subtask.owner) \
             ORDER BY id LIMIT ?"
        );
        let selectors = || selectors.iter().map(|selector| selector.to_string().into());
        let mut values: Vec<_> = selectors().collect();
        values.extend([clock::now().0.into(), host.into(), limit.into()]);
        let ready = self.run_keys(&ready, values);
        let mut values: Vec<_> = selectors().collect();
        values.extend([host.into(), limit.into()]);
        let lost = self.run_keys(&lost, values);
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

    /// READY subtasks of hosts on which no executor lives, with those hosts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stranded(&self) -> Result<Vec<(TaskId, SubtaskId, String)>, StoreError> {
        let select = "SELECT task_id, id, host FROM subtask \
             WHERE status = 'READY' AND operation <> 'SKIP' AND host IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM executor WHERE executor.host = subtask.host) ORDER BY id";
        let rows = self
            .reads
            .query_all_raw(statement(&self.reads, select, []))
            .await?;
        rows.into_iter()
            .map(|row| {
                let task = TaskId(row.try_get("", "task_id")?);
                let subtask = SubtaskId(row.try_get("", "id")?);
                Ok((task, subtask, row.try_get("", "host")?))
            })
            .collect()
    }

    async fn run_keys(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = sea_orm::Value>,
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

    /// Everything that the claimed runs of one task need to know.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn assignments(
        &self,
        task: Task,
        claimed: Vec<Subtask>,
    ) -> Result<Vec<Assignment>, StoreError> {
        let (sql, servers) = tokio::try_join!(
            self.sql_account(task.cluster.id.0),
            self.servers_for(&claimed)
        )?;
        let task = Arc::new(task);
        claimed
            .into_iter()
            .map(|subtask| {
                let own = subtask.server.and_then(|id| servers.by_id.get(&id.0));
                let process = own.and_then(|row| row.process.clone());
                let launch = own.and_then(|row| row.launch.clone());
                let servers = match (subtask.server, subtask.zone) {
                    (Some(_), _) => own.into_iter().collect(),
                    (None, Some(zone)) => servers.of_zone(zone.0),
                    (None, None) => Vec::new(),
                };
                let servers = servers.into_iter().cloned();
                Ok(Assignment {
                    task: Arc::clone(&task),
                    subtask,
                    servers: servers
                        .map(server::Model::try_into_server)
                        .collect::<Result<_, _>>()?,
                    process,
                    launch,
                    sql: sql.clone(),
                })
            })
            .collect()
    }

    async fn servers_for(&self, claimed: &[Subtask]) -> Result<Servers, StoreError> {
        let mut ids: Vec<_> = claimed.iter().filter_map(|s| s.server).collect();
        ids.sort_unstable();
        ids.dedup();
        let whole_zones = claimed.iter().filter(|subtask| subtask.server.is_none());
        let mut zones: Vec<_> = whole_zones.filter_map(|subtask| subtask.zone).collect();
        zones.sort_unstable();
        zones.dedup();
        let mut servers = Servers::default();
        for chunk in ids.chunks(CHUNK) {
            let named = server::Column::Id.is_in(chunk.iter().map(|id| id.0));
            servers.read(named, &self.reads).await?;
        }
        for chunk in zones.chunks(CHUNK) {
            let of_zones = server::Column::ZoneId.is_in(chunk.iter().map(|id| id.0));
            servers.read(of_zones, &self.reads).await?;
        }
        Ok(servers)
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
