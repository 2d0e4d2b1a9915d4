//! Commits an event on a task: the engine decides, this loads and writes.

use std::{collections::BTreeMap, sync::Arc};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};
use serde_json::json;
use slacktide_engine::{
    commit::{Advance, Change, Claimant, Event, Frame, Need, Refusal, ServerRow, advance},
    id::{ServerId, TaskId, ZoneId},
    status::{ResourceStatus, SubtaskStatus, TaskStatus},
    subtask::Subtask,
    task::Task,
};

use crate::{
    clock,
    columns::{to_json, word},
    connect::Store,
    entity::{server, task},
    error::StoreError,
    hot, logs,
    signal::Wake,
    tasks::{insert_revisions, run, subtasks_by_id},
    write::Tx,
};

/// What a run leaves in the journal of its server, with its outcome.
///
/// Its `Debug` shows the server alone: an environment may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Journal {
    /// The server.
    pub server: ServerId,
    /// Identity of its process, as the driver writes it; none if there is none.
    pub process: Option<String>,
    /// What it takes to start the process again; none keeps what is there.
    pub launch: Option<String>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The task as it is now.
    pub task: Task,
    /// What the claimant must run now, each with the epoch of its run.
    pub claimed: Vec<Subtask>,
}

impl Store {
    /// Commits an event on a task, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the engine refuses it: nothing changed. [`StoreError::NotFound`] if the task
    /// is unknown or not RUNNING.
    pub async fn commit(
        &self,
        task: TaskId,
        event: Event,
        claimant: Claimant,
        journal: Option<Journal>,
    ) -> Result<Committed, StoreError> {
        let input = Arc::new((event, claimant, journal));
        self.writer
            .write("committing an event on a task", move |tx| {
                let input = Arc::clone(&input);
                Box::pin(async move {
                    let (event, claimant, journal) = &*input;
                    let change = decide(&tx, task, event, claimant).await?;
                    write_change(&tx, &change).await?;
                    if let Some(journal) = journal {
                        write_journal(&tx, journal).await?;
                    }
                    let Change {
                        task,
                        subtasks,
                        claimed,
                        ..
                    } = change;
                    let claimed = subtasks
                        .into_iter()
                        .filter(|s| claimed.contains(&s.id))
                        .collect();
                    Ok(Committed { task, claimed })
                })
            })
            .await
    }
}

async fn decide(
    tx: &Tx<'_>,
    id: TaskId,
    event: &Event,
    claimant: &Claimant,
) -> Result<Change, StoreError> {
    // First of all the guarded UPDATE of the task's row: from here on nobody else commits on this task.
    let locked = tx
        .db
        .execute_raw(run(hot::LOCK_TASK, vec![id.0.into()]))
        .await?;
    if locked.rows_affected() == 0 {
        return Err(StoreError::not_found("running task", id));
    }
    let row = task::Model::find_by_statement(run(hot::SELECT_TASK, vec![id.0.into()]))
        .one(tx.db)
        .await?;
    let task = row
        .ok_or_else(|| StoreError::not_found("task", id))?
        .try_into_task()?;
    let mut frame = Frame {
        task,
        subtasks: BTreeMap::new(),
        servers: None,
    };
    let now = clock::now();
    loop {
        match advance(&frame, event, claimant, now)? {
            Advance::Write(change) => return Ok(*change),
            Advance::Need(need) => load(tx, &mut frame, &need).await?,
        }
    }
}

async fn load(tx: &Tx<'_>, frame: &mut Frame, need: &Need) -> Result<(), StoreError> {
    if !need.subtasks.is_empty() {
        for row in subtasks_by_id(tx.db, frame.task.id, &need.subtasks).await? {
            let subtask = row.try_into_subtask()?;
            frame.subtasks.insert(subtask.id, subtask);
        }
        let unknown = need
            .subtasks
            .iter()
            .find(|id| !frame.subtasks.contains_key(id));
        if let Some(id) = unknown {
            return Err(Refusal::UnknownSubtask(*id).into());
        }
    }
    if need.servers {
        frame.servers = Some(servers_of(tx, &frame.task).await?);
    }
    Ok(())
}

async fn servers_of(tx: &Tx<'_>, task: &Task) -> Result<Vec<ServerRow>, StoreError> {
    let of_cluster = server::Column::ClusterId.eq(task.cluster.id.0);
    let rows = server::Entity::find().filter(of_cluster).all(tx.db).await?;
    rows.into_iter()
        .map(|row| {
            let status = word("server", row.id, &row.status)?;
            Ok(ServerRow {
                id: ServerId(row.id),
                zone: ZoneId(row.zone_id),
                status,
            })
        })
        .collect()
}

async fn write_change(tx: &Tx<'_>, change: &Change) -> Result<(), StoreError> {
    let task = &change.task;
    write_subtasks(tx, &change.subtasks).await?;
    insert_revisions(tx, task.id, &change.revisions).await?;
    logs::write_folded(tx, &change.logs).await?;
    write_resources(tx, change).await?;
    let values = vec![
        task.state.status.as_str().into(),
        task.state.operation.as_str().into(),
        task.state.start_time.map(|time| time.0).into(),
        task.state.finish_time.map(|time| time.0).into(),
        task.state.error.clone().into(),
        task.revision.into(),
        task.last_time.0.into(),
        task.tally.successful.into(),
        task.tally.failed.into(),
        task.tally.active.into(),
        task.id.0.into(),
    ];
    tx.db.execute_raw(run(hot::UPDATE_TASK, values)).await?;

    tx.wake(Wake::Task(task.id, task.revision));
    let left_ready = change
        .subtasks
        .iter()
        .any(|s| s.state.status == SubtaskStatus::Ready);
    if left_ready && task.state.status == TaskStatus::Running {
        tx.wake(Wake::Work);
    }
    Ok(())
}

async fn write_subtasks(tx: &Tx<'_>, subtasks: &[Subtask]) -> Result<(), StoreError> {
    let rows: Vec<_> = subtasks
        .iter()
        .map(|subtask| {
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
                state.error,
                subtask.open_upstreams,
                subtask.epoch,
                subtask.owner,
                subtask.deadline,
                // A run's first intent is its claim; later ones are recorded by the run itself.
                subtask.owner.as_ref().map(|_| subtask.kind.name()),
            ])
        })
        .collect();
    let written = tx
        .db
        .execute_raw(run(hot::UPDATE_SUBTASKS, vec![to_json(&rows)?.into()]))
        .await?;
    if written.rows_affected() == rows.len() as u64 {
        Ok(())
    } else {
        Err(StoreError::Conflict("a subtask"))
    }
}

async fn write_resources(tx: &Tx<'_>, change: &Change) -> Result<(), StoreError> {
    let (task, time) = (&change.task, change.task.last_time);
    if !change.servers.is_empty() {
        let rows: Vec<_> = change
            .servers
            .iter()
            .map(|server| {
                let stop_time = (server.status == ResourceStatus::Stopped).then_some(time);
                json!([server.id, server.status, server.reason, stop_time, time])
            })
            .collect();
        tx.db
            .execute_raw(run(hot::UPDATE_SERVERS, vec![to_json(&rows)?.into()]))
            .await?;
    }
    if !change.zones.is_empty() {
        let rows: Vec<_> = change
            .zones
            .iter()
            .map(|zone| json!([zone.id, zone.status]))
            .collect();
        tx.db
            .execute_raw(run(hot::UPDATE_ZONES, vec![to_json(&rows)?.into()]))
            .await?;
    }
    let holder = [
        task.cluster.id.0.into(),
        task.id.0.into(),
        task.generation.into(),
    ];
    if let Some(cluster) = &change.cluster {
        let status = [
            cluster.status.as_str().into(),
            cluster.reason.clone().into(),
            time.0.into(),
        ];
        let values = status.into_iter().chain(holder.clone()).collect();
        expect_held(
            tx.db
                .execute_raw(run(hot::UPDATE_CLUSTER, values))
                .await?
                .rows_affected(),
        )?;
    }
    if change.release {
        let released = tx
            .db
            .execute_raw(run(hot::RELEASE_CLUSTER, holder.to_vec()))
            .await?;
        expect_held(released.rows_affected())?;
    }
    Ok(())
}

/// A task whose cluster is at another generation has been fenced out.
fn expect_held(rows_affected: u64) -> Result<(), StoreError> {
    if rows_affected == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict("the cluster"))
    }
}

async fn write_journal(tx: &Tx<'_>, journal: &Journal) -> Result<(), StoreError> {
    let values = vec![
        journal.process.clone().into(),
        journal.launch.clone().into(),
        journal.server.0.into(),
    ];
    tx.db.execute_raw(run(hot::JOURNAL_SERVER, values)).await?;
    Ok(())
}
