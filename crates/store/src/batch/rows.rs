//! Writes what a batch changes: each table at most once, and every table's rows in the order of their ids.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, Value as Bound};
use serde_json::{Value, json};
use slacktide_engine::{revision::Revision, status::ResourceStatus, subtask::Subtask, task::Task};

use super::{Batch, script::Write, working::Working};
use crate::{
    columns::{clean, to_json},
    error::{Duplicate, StoreError},
    hot::{self, Hot},
    idempotency, logs,
    session::Session,
    statement::statement,
    task_rows::{new_subtask_row, new_task_row},
};

/// The statements that write it.
pub(super) fn writes(session: &Session, batch: &Batch<'_>) -> Result<Vec<Write>, StoreError> {
    let hot = hot::of(session.get_database_backend());
    let mut writes = Writes {
        session,
        all: Vec::new(),
    };
    let tasks = || batch.tasks.values();
    writes.keys(hot, batch)?;
    writes.push(&hot.insert_tasks, new_tasks(batch)?, None)?;
    writes.push(&hot.insert_subtasks, new_subtasks(batch)?, None)?;

    let subtasks = tasks().flat_map(changed_subtasks).collect();
    writes.push(&hot.update_subtasks, subtasks, Some("a subtask"))?;
    writes.push(&hot.insert_revisions, revisions(batch)?, None)?;
    writes.push(&hot.insert_log, log_lines(batch), None)?;
    writes.push(&hot.update_servers, by_id(tasks().flat_map(servers)), None)?;
    writes.push(&hot.journal_servers, journals(batch), None)?;
    writes.push(&hot.update_zones, by_id(tasks().flat_map(zones)), None)?;
    let clusters = by_id(tasks().filter_map(cluster));
    writes.push(&hot.update_clusters, clusters, Some("the cluster"))?;
    writes.push(&hot.hold_clusters, holds(batch), Some("the cluster"))?;
    let ended = tasks().filter(|working| !working.revisions.is_empty());
    let states = ended.map(|working| task_state(&working.frame.task));
    writes.push(&hot.update_tasks, states.collect(), Some("the task"))?;
    Ok(writes.all)
}

struct Writes<'a> {
    session: &'a Session,
    all: Vec<Write>,
}

impl Writes<'_> {
    fn push(
        &mut self,
        sql: &str,
        rows: Vec<Value>,
        guard: Option<&'static str>,
    ) -> Result<(), StoreError> {
        if !rows.is_empty() {
            let values = [Bound::from(to_json(&rows)?)];
            self.all.push(Write {
                statement: statement(self.session, sql, values),
                rows: guard.map(|what| (rows.len(), what)),
                duplicate: None,
            });
        }
        Ok(())
    }

    fn keys(&mut self, hot: &Hot, batch: &Batch<'_>) -> Result<(), StoreError> {
        if batch.keys.is_empty() {
            return Ok(());
        }
        self.all.push(Write {
            statement: idempotency::purge(self.session, batch.now),
            rows: None,
            duplicate: None,
        });
        let rows = batch
            .keys
            .iter()
            .map(|(key, resource)| idempotency::row(key, *resource, batch.now));
        self.push(&hot.insert_keys, rows.collect(), None)?;
        if let Some(insert) = self.all.last_mut() {
            insert.duplicate = Some(Duplicate::RequestId);
        }
        Ok(())
    }
}

fn by_id(rows: impl Iterator<Item = (i64, Value)>) -> Vec<Value> {
    rows.collect::<BTreeMap<_, _>>().into_values().collect()
}

fn new_tasks(batch: &Batch<'_>) -> Result<Vec<Value>, StoreError> {
    let accepted = batch.submits.iter().map(|op| &op.accepted);
    accepted
        .map(|accepted| new_task_row(&accepted.task, &accepted.context))
        .collect()
}

fn new_subtasks(batch: &Batch<'_>) -> Result<Vec<Value>, StoreError> {
    let accepted = batch.submits.iter().flat_map(|op| &op.accepted.subtasks);
    accepted.map(new_subtask_row).collect()
}

fn changed_subtasks(working: &Working) -> impl Iterator<Item = Value> {
    let changed = working.changed.iter();
    let changed = changed.filter_map(|id| working.frame.subtasks.get(id));
    changed.map(|subtask| subtask_state(subtask, working.intents.get(&subtask.id)))
}

/// The order of `hot::SUBTASK_STATE`.
fn subtask_state(subtask: &Subtask, intent: Option<&String>) -> Value {
    let state = &subtask.state;
    json!([
        subtask.id,
        subtask.version,
        state.status,
        state.operation,
        state.run_time,
        state.executor,
        state.start_time,
        state.finish_time,
        state.error.as_deref().map(clean),
        state.code,
        subtask.open_upstreams,
        subtask.epoch,
        subtask.owner,
        subtask.deadline,
        subtask.not_before,
        subtask.auto_retries,
        subtask.owner.as_ref().and(intent),
    ])
}

/// The order of `hot::TASK_STATE`.
fn task_state(task: &Task) -> Value {
    let (state, tally) = (&task.state, &task.tally);
    json!([
        task.id,
        state.status,
        state.operation,
        state.start_time,
        state.finish_time,
        state.error.as_deref().map(clean),
        task.revision,
        task.last_time,
        tally.successful,
        tally.failed,
        tally.active,
        tally.running,
    ])
}

fn revisions(batch: &Batch<'_>) -> Result<Vec<Value>, StoreError> {
    let changed = batch.tasks.values();
    let changed = changed.map(|working| (&working.frame.task, &working.revisions));
    let accepted = batch.submits.iter().map(|op| &op.accepted);
    let accepted = accepted.map(|accepted| (&accepted.task, &accepted.revisions));
    let rows = changed.chain(accepted);
    rows.filter_map(|(task, revisions)| revision_row(task, revisions))
        .collect()
}

fn revision_row(task: &Task, revisions: &[Revision]) -> Option<Result<Value, StoreError>> {
    let (first, last) = (revisions.first()?, revisions.last()?);
    let changes = to_json(&revisions);
    Some(changes.map(|changes| json!([task.id, first.number, last.number, changes])))
}

fn log_lines(batch: &Batch<'_>) -> Vec<Value> {
    let folded = batch.tasks.values().flat_map(|working| &working.logs);
    let tails = batch.logs.iter().flat_map(|tail| tail.rows());
    folded.flat_map(logs::folded_rows).chain(tails).collect()
}

fn servers(working: &Working) -> impl Iterator<Item = (i64, Value)> {
    working.servers.values().map(|(server, time)| {
        let stopped = server.status == ResourceStatus::Stopped;
        let stop_time = stopped.then_some(time);
        let reason = clean(&server.reason);
        let row = json!([server.id, server.status, reason, stop_time, time]);
        (server.id.0, row)
    })
}

fn zones(working: &Working) -> impl Iterator<Item = (i64, Value)> {
    let zones = working.zones.values();
    zones.map(|(zone, _)| (zone.id.0, json!([zone.id, zone.status])))
}

fn cluster(working: &Working) -> Option<(i64, Value)> {
    let task = &working.frame.task;
    let change = working.cluster.as_ref();
    if change.is_none() && !working.released {
        return None;
    }
    let row = json!([
        task.cluster.id,
        task.id,
        task.generation,
        change.map(|(cluster, _)| cluster.status),
        change.map(|(cluster, _)| clean(&cluster.reason)),
        change.map(|(_, time)| time),
        (!working.released).then_some(task.id),
    ]);
    Some((task.cluster.id.0, row))
}

fn journals(batch: &Batch<'_>) -> Vec<Value> {
    let rows = batch.journals.iter().map(|journal| {
        let id = journal.server.0;
        (id, json!([id, journal.process, journal.launch]))
    });
    by_id(rows)
}

fn holds(batch: &Batch<'_>) -> Vec<Value> {
    let rows = batch.submits.iter().map(|op| {
        let task = &op.accepted.task;
        let cluster = task.cluster.id.0;
        let row = json!([
            cluster,
            op.generation,
            op.former_status,
            op.held_status,
            task.id,
            task.create_time,
        ]);
        (cluster, row)
    });
    by_id(rows)
}
