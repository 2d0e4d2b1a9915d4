//! Reads the rows that a batch decides on.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, FromQueryResult, Statement};
use serde_json::json;
use slacktide_engine::{
    commit::{Event, Need, Refusal, Scan, ServerRow},
    id::{ServerId, SubtaskId, TaskId, ZoneId},
};

use super::{
    opening::{Opened, Opening},
    working::Working,
};
use crate::{
    columns::{to_json, word},
    entity::{subtask, task},
    error::StoreError,
    hot,
    session::{Ran, Session},
    statement::statement,
};

/// The subtasks that an event speaks of: what deciding on it will surely need.
pub(super) fn named(event: &Event) -> Vec<SubtaskId> {
    match event {
        Event::Claim { subtasks } => subtasks.clone(),
        Event::TakeOver { runs } | Event::Abandon { runs, .. } => {
            runs.iter().map(|(id, _)| *id).collect()
        }
        Event::Finish { subtask, .. }
        | Event::HandBack { subtask, .. }
        | Event::Expire { subtask, .. }
        | Event::RetrySubtask(subtask)
        | Event::SkipSubtask(subtask)
        | Event::CancelSubtask(subtask) => vec![*subtask],
        Event::Strand { subtasks, .. } => subtasks.clone(),
        Event::RetryTask | Event::RollbackTask | Event::CancelTask => Vec::new(),
    }
}

/// A batch that names no more subtasks than this is read ahead for.
const FEW: usize = 4;

/// How many of the ids that follow a subtask's own are read with it.
const AHEAD: i64 = 5;

/// The subtasks that a small batch will likely need. In a small graph those that come next have the next ids; to
/// read a row too many is cheaper than to ask again. A large batch asks again for all of its tasks at once.
pub(super) fn with_followers(named: BTreeSet<SubtaskId>) -> BTreeSet<SubtaskId> {
    if named.len() > FEW {
        return named;
    }
    let followed = named.into_iter();
    followed
        .flat_map(|id| (id.0..=id.0.saturating_add(AHEAD)).map(SubtaskId))
        .collect()
}

/// Reads tasks that are not known, and those of the subtasks that are known to be needed. `false` if one of those
/// that are known is not as it was.
pub(super) async fn tasks(
    session: &Session,
    opening: &mut Opening,
    unknown: &BTreeSet<TaskId>,
    named: &BTreeSet<SubtaskId>,
    tasks: &mut BTreeMap<TaskId, Working>,
) -> Result<bool, StoreError> {
    let hot = hot::of(session.get_database_backend());
    let ids = ids(unknown.iter().map(|id| id.0))?;
    let mut statements = vec![statement(session, &hot.select_tasks, [ids.into()])];
    if !named.is_empty() {
        statements.push(select_subtasks(session, named.iter().copied())?);
    }
    let found = |ran: &[Ran]| ran.first().map_or(0, |ran| ran.rows.len() as u64);
    let Opened::Ran(ran) = opening.run(session, statements, found).await? else {
        return Ok(false);
    };
    let mut ran = ran.into_iter();
    for row in ran.next().map(|ran| ran.rows).unwrap_or_default() {
        let row = task::Model::from_query_result(&row, "")?;
        // The lock has raised it.
        let version = row.version - 1;
        let task = row.try_into_task()?;
        tasks.insert(task.id, Working::new(task, version));
    }
    for ran in ran {
        know_subtasks(ran, tasks)?;
    }
    Ok(true)
}

fn select_subtasks(
    session: &Session,
    ids: impl Iterator<Item = SubtaskId>,
) -> Result<Statement, StoreError> {
    let hot = hot::of(session.get_database_backend());
    let ids = self::ids(ids.map(|id| id.0))?;
    Ok(statement(session, &hot.select_subtasks, [ids.into()]))
}

/// What [`Scan::sees`], in SQL.
fn seen_by(scan: Scan) -> &'static str {
    match scan {
        Scan::Active => " AND status IN ('READY', 'RUNNING', 'CANCELING')",
        Scan::Stuck => " AND (status = 'FAILED' OR (status = 'PENDING' AND open_upstreams = 0))",
        Scan::All => "",
    }
}

fn ids(ids: impl Iterator<Item = i64>) -> Result<String, StoreError> {
    to_json(&ids.map(|id| json!([id])).collect::<Vec<_>>())
}

fn know_subtasks(ran: Ran, tasks: &mut BTreeMap<TaskId, Working>) -> Result<(), StoreError> {
    for row in ran.rows {
        let row = subtask::Model::from_query_result(&row, "")?;
        let intent = row.intent.clone();
        let subtask = row.try_into_subtask()?;
        if let Some(working) = tasks.get_mut(&subtask.task) {
            working.know(subtask, intent);
        }
    }
    Ok(())
}

/// What the tasks of a batch still need.
#[derive(Default)]
pub(super) struct Needs(Vec<(TaskId, Need)>);

impl Needs {
    pub(super) fn add(&mut self, task: TaskId, need: Need) {
        self.0.push((task, need));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads it. `false` if one of the tasks is not as it was known.
    ///
    /// # Errors
    /// [`Refusal::UnknownSubtask`] if a task has no such subtask.
    pub(super) async fn load(
        self,
        session: &Session,
        opening: &mut Opening,
        tasks: &mut BTreeMap<TaskId, Working>,
    ) -> Result<bool, StoreError> {
        let mut statements = Vec::new();
        let wanted: BTreeSet<_> = self.0.iter().flat_map(|(_, need)| &need.subtasks).collect();
        if !wanted.is_empty() {
            statements.push(select_subtasks(session, wanted.into_iter().copied())?);
        }
        for (task, need) in &self.0 {
            if let (Some(scan), Some(working)) = (need.scan, tasks.get_mut(task)) {
                let scan = working.widen(scan);
                let select = format!(
                    "SELECT {} FROM subtask WHERE task_id = ?{} ORDER BY id",
                    hot::SUBTASK_COLUMNS,
                    seen_by(scan)
                );
                statements.push(statement(session, &select, [task.0.into()]));
            }
        }
        let of_subtasks = statements.len();
        let with_servers = self.0.iter().filter(|(_, need)| need.servers);
        for (task, _) in with_servers.clone() {
            let cluster = tasks.get(task).map(|task| task.frame.task.cluster.id.0);
            let select = "SELECT id, zone_id, status FROM server WHERE cluster_id = ? ORDER BY id";
            statements.push(statement(session, select, [cluster.into()]));
        }
        let Opened::Ran(ran) = opening.run(session, statements, |_| 0).await? else {
            return Ok(false);
        };
        let mut ran = ran.into_iter();
        for answer in ran.by_ref().take(of_subtasks) {
            know_subtasks(answer, tasks)?;
        }
        for ((task, _), answer) in with_servers.zip(ran) {
            let servers = server_rows(answer)?;
            if let Some(working) = tasks.get_mut(task) {
                working.know_servers(servers);
            }
        }
        self.check(tasks)?;
        Ok(true)
    }

    fn check(&self, tasks: &BTreeMap<TaskId, Working>) -> Result<(), StoreError> {
        for (task, need) in &self.0 {
            let known = |id: &SubtaskId| {
                let working = tasks.get(task);
                working.is_some_and(|working| working.frame.subtasks.contains_key(id))
            };
            if let Some(id) = need.subtasks.iter().find(|id| !known(id)) {
                return Err(Refusal::UnknownSubtask(*id).into());
            }
        }
        Ok(())
    }
}

fn server_rows(ran: Ran) -> Result<Vec<ServerRow>, StoreError> {
    ran.rows
        .into_iter()
        .map(|row| {
            let id: i64 = row.try_get("", "id")?;
            let status: String = row.try_get("", "status")?;
            Ok(ServerRow {
                id: ServerId(id),
                zone: ZoneId(row.try_get("", "zone_id")?),
                status: word("server", id, &status)?,
            })
        })
        .collect()
}
