//! What claimed runs work on, read in the transaction that claims them or, for runs that are taken over, by itself.

use std::{collections::BTreeMap, sync::Arc};

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult, Statement};
use serde_json::json;
use slacktide_engine::{
    cluster::{Server, SqlAccount},
    subtask::Subtask,
    task::Task,
};

use crate::{
    columns::to_json, commit::Committed, connect::Store, entity::server, error::StoreError, hot,
    statement::statement,
};

/// A run with what it works on, read when the run begins: a driver's settings may be mended in between.
///
/// Its `Debug` shows the run alone: an environment may hold secrets.
#[derive(Clone, PartialEq, Eq)]
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
    /// The SQL account of the servers' cluster.
    pub sql: Option<SqlAccount>,
}

impl std::fmt::Debug for Assignment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assignment")
            .field("subtask", &self.subtask)
            .finish_non_exhaustive()
    }
}

/// A server with its cluster's SQL account.
#[derive(PartialEq, Eq)]
struct Row {
    server: server::Model,
    sql: Option<SqlAccount>,
}

impl Row {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        let user: Option<String> = row.try_get("", "sql_user")?;
        let password: Option<String> = row.try_get("", "sql_password")?;
        let password = password.unwrap_or_default();
        Ok(Self {
            server: server::Model::from_query_result(row, "")?,
            sql: user.map(|user| SqlAccount { user, password }),
        })
    }
}

/// The servers that claimed subtasks work on.
///
/// Its `Debug` shows their ids alone: an environment may hold secrets.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Servers(BTreeMap<i64, Row>);

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Servers {
    /// The statements that read the servers of these subtasks.
    pub(crate) fn statements<'s>(
        db: &impl ConnectionTrait,
        claimed: impl Iterator<Item = &'s Subtask> + Clone,
    ) -> Result<Vec<Statement>, StoreError> {
        let hot = hot::of(db.get_database_backend());
        let named = claimed.clone().filter_map(|subtask| subtask.server);
        let whole = claimed.filter(|subtask| subtask.server.is_none());
        let zones = whole.filter_map(|subtask| subtask.zone);
        let wanted = [
            (&hot.select_servers, sorted(named.map(|id| id.0))),
            (&hot.select_zones_servers, sorted(zones.map(|id| id.0))),
        ];
        let wanted = wanted.into_iter().filter(|(_, ids)| !ids.is_empty());
        wanted
            .map(|(sql, ids)| {
                let ids = ids.into_iter().map(|id| json!([id]));
                let ids = to_json(&ids.collect::<Vec<_>>())?;
                Ok(statement(db, sql, [ids.into()]))
            })
            .collect()
    }

    /// Takes what these statements returned. The claims may be committed by then, so a row that cannot be read is left
    /// out: its run finds that it has no server.
    pub(crate) fn read(rows: impl Iterator<Item = QueryResult>) -> Self {
        let read = rows.filter_map(|row| {
            let read = Row::read(&row);
            read.inspect_err(|error| tracing::error!(%error, "a server's row cannot be read"))
                .ok()
        });
        Self(read.map(|row| (row.server.id, row)).collect())
    }

    fn assign(&self, task: &Arc<Task>, subtask: Subtask) -> Result<Assignment, StoreError> {
        let own = subtask.server.and_then(|id| self.0.get(&id.0));
        let rows: Vec<_> = match (subtask.server, subtask.zone) {
            (Some(_), _) => own.into_iter().collect(),
            (None, Some(zone)) => {
                let all = self.0.values();
                all.filter(|row| row.server.zone_id == zone.0).collect()
            }
            (None, None) => Vec::new(),
        };
        let servers = rows.iter().map(|row| row.server.clone().try_into_server());
        Ok(Assignment {
            task: Arc::clone(task),
            subtask,
            servers: servers.collect::<Result<_, _>>()?,
            process: own.and_then(|row| row.server.process.clone()),
            launch: own.and_then(|row| row.server.launch.clone()),
            sql: rows.first().and_then(|row| row.sql.clone()),
        })
    }
}

fn sorted(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Committed {
    /// Everything that the claimed runs need to know.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a server's row cannot be read.
    pub fn into_assignments(self) -> Result<Vec<Assignment>, StoreError> {
        let task = Arc::new(self.task);
        let claimed = self.claimed.into_iter();
        claimed
            .map(|subtask| self.servers.assign(&task, subtask))
            .collect()
    }
}

impl Store {
    /// Everything that a run that somebody else began needs to know.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn assignment(&self, task: Task, subtask: Subtask) -> Result<Assignment, StoreError> {
        let mut rows = Vec::new();
        for select in Servers::statements(&self.reads, std::iter::once(&subtask))? {
            rows.extend(self.reads.query_all_raw(select).await?);
        }
        Servers::read(rows.into_iter()).assign(&Arc::new(task), subtask)
    }
}
