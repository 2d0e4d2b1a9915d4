//! Tasks: accepting, reading, listing.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, Func},
};
use slacktide_engine::{
    id::{ClusterId, SubtaskId, TaskId, ZoneId},
    plan::{Acceptance, Accepted, Plan},
    status::TaskStatus,
    subtask::Subtask,
    task::{Context, Creator, Task},
    time::Micros,
};

use crate::{
    batch::{Op, SubmitOp},
    clock,
    connect::Store,
    entity::{subtask, task, zone},
    error::StoreError,
    idempotency::Key,
    list::{Listed, Page},
    visible::VisibleTasks,
};

/// Everything that comes with a plan.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The operation.
    pub plan: Plan,
    /// Who asked.
    pub creator: Creator,
    /// Host of the accepting server.
    pub executor: String,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// Under which key to remember the request.
    pub key: Option<Key>,
}

/// A task with its subtasks, all read at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSnapshot {
    /// The task.
    pub task: Task,
    /// What it works on.
    pub context: Context,
    /// Its subtasks, by id; empty where they were not asked for.
    pub subtasks: Vec<Subtask>,
    /// Names of the zones that subtasks work on. A zone of an unregistered cluster is missing.
    pub zones: BTreeMap<ZoneId, String>,
}

/// Which tasks to list.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Part of the task's name, in any case.
    pub name: String,
    /// Statuses; any if empty.
    pub statuses: Vec<TaskStatus>,
    /// The cluster.
    pub cluster: Option<ClusterId>,
    /// Part of the cluster's name, in any case.
    pub cluster_name: String,
    /// Only these, where it is given.
    pub only: Option<VisibleTasks>,
}

impl Store {
    /// Accepts an operation: its task, subtasks, first revisions and idempotency key, and the cluster held
    /// for it at the next generation, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the cluster is not as it was when the plan was made: plan again.
    /// [`StoreError::Duplicate`] if the idempotency key was used meanwhile: look it up again.
    pub async fn submit(&self, submission: Submission) -> Result<Accepted, StoreError> {
        let Submission {
            plan,
            creator,
            executor,
            traceparent,
            key,
        } = submission;
        let (generation, former_status) = (plan.generation(), plan.former_status());
        let held_status = plan.held_status();
        let first_subtask = self.ids.subtasks(plan.size()).await?;
        let accepted = plan.accept(Acceptance {
            task: self.ids.task().await?,
            first_subtask,
            creator,
            executor,
            traceparent,
            time: clock::now(),
        });
        let op = Op::Submit(Box::new(SubmitOp {
            accepted: accepted.clone(),
            generation,
            former_status,
            held_status,
            key,
        }));
        self.writer.share("accepting a task", op).await?;
        Ok(accepted)
    }

    /// Reads a task, with or without its subtasks, at one moment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn task(&self, id: TaskId, subtasks: bool) -> Result<TaskSnapshot, StoreError> {
        if !subtasks {
            let row = task::Entity::find_by_id(id.0).one(&self.reads).await?;
            return without_subtasks(row.ok_or_else(|| StoreError::not_found("task", id))?);
        }
        let view = self.reads.view().await?;
        let row = task::Entity::find_by_id(id.0).one(&view).await?;
        let row = row.ok_or_else(|| StoreError::not_found("task", id))?;
        let snapshot = with_subtasks(&view, row, true).await?;
        view.end().await?;
        Ok(snapshot)
    }

    /// Lists tasks.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn tasks(
        &self,
        filter: &TaskFilter,
        page: Page,
        subtasks: bool,
    ) -> Result<Listed<TaskSnapshot>, StoreError> {
        let view = self.reads.view().await?;
        let listed = page
            .fetch(task::Entity::find().filter(condition(filter)), &view)
            .await?;
        let mut items = Vec::with_capacity(listed.items.len());
        for row in listed.items {
            items.push(with_subtasks(&view, row, subtasks).await?);
        }
        view.end().await?;
        Ok(Listed {
            items,
            total: listed.total,
        })
    }

    /// The tasks that changed at `since` or later, without their subtasks, in the order of their last changes. Reads
    /// the running ones and those that ended since, by index: however many have ended before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn tasks_changed_since(
        &self,
        cluster: Option<ClusterId>,
        since: Micros,
    ) -> Result<Vec<TaskSnapshot>, StoreError> {
        let status = |status: TaskStatus| task::Column::Status.eq(status.as_str());
        let ended = [TaskStatus::Failed, TaskStatus::Successful].map(|word| {
            Condition::all()
                .add(status(word))
                .add(task::Column::FinishTime.gte(since.0))
        });
        let [failed, successful] = ended;
        let changed = Condition::any()
            .add(status(TaskStatus::Running))
            .add(failed)
            .add(successful);
        let of_cluster = cluster.map(|id| task::Column::ClusterId.eq(id.0));
        let view = self.reads.view().await?;
        let rows = task::Entity::find()
            .filter(changed)
            .filter(Condition::all().add_option(of_cluster))
            .filter(task::Column::LastTime.gte(since.0))
            .order_by_asc(task::Column::LastTime)
            .order_by_asc(task::Column::Id)
            .all(&view)
            .await?;
        view.end().await?;
        rows.into_iter().map(without_subtasks).collect()
    }
}

fn without_subtasks(row: task::Model) -> Result<TaskSnapshot, StoreError> {
    Ok(TaskSnapshot {
        context: row.context()?,
        task: row.try_into_task()?,
        subtasks: Vec::new(),
        zones: BTreeMap::new(),
    })
}

async fn with_subtasks(
    view: &impl ConnectionTrait,
    row: task::Model,
    subtasks: bool,
) -> Result<TaskSnapshot, StoreError> {
    if !subtasks {
        return without_subtasks(row);
    }
    let (context, task) = (row.context()?, row.try_into_task()?);
    let rows = subtask::Entity::find()
        .filter(subtask::Column::TaskId.eq(task.id.0))
        .order_by_asc(subtask::Column::Id)
        .all(view)
        .await?;
    let subtasks = rows
        .into_iter()
        .map(subtask::Model::try_into_subtask)
        .collect::<Result<_, _>>()?;
    let zones = zone::Entity::find()
        .filter(zone::Column::ClusterId.eq(task.cluster.id.0))
        .all(view)
        .await?
        .into_iter()
        .map(|zone| (ZoneId(zone.id), zone.name))
        .collect();
    Ok(TaskSnapshot {
        task,
        context,
        subtasks,
        zones,
    })
}

fn condition(filter: &TaskFilter) -> Condition {
    let words = filter.statuses.iter().map(|status| status.as_str());
    Condition::all()
        .add_option(filter.only.as_ref().map(VisibleTasks::condition))
        .add_option(contains(task::Column::ClusterName, &filter.cluster_name))
        .add_option(filter.cluster.map(|id| task::Column::ClusterId.eq(id.0)))
        .add_option((!filter.statuses.is_empty()).then(|| task::Column::Status.is_in(words)))
        .add_option((!filter.name.is_empty()).then(|| {
            let wanted = filter.name.to_lowercase();
            let kinds = slacktide_engine::status::TaskKind::ALL.iter();
            let kinds = kinds.filter(|kind| kind.name().to_lowercase().contains(&wanted));
            task::Column::Kind.is_in(kinds.map(|kind| kind.as_str()))
        }))
}

/// A filter for part of a text, in any case; none for an empty text.
pub(crate) fn contains(column: impl ColumnTrait, part: &str) -> Option<Expr> {
    if part.is_empty() {
        return None;
    }
    let escaped: String = part
        .to_lowercase()
        .chars()
        .flat_map(|c| {
            matches!(c, '%' | '_' | '!')
                .then_some('!')
                .into_iter()
                .chain([c])
        })
        .collect();
    let pattern = sea_orm::sea_query::LikeExpr::new(format!("%{escaped}%")).escape('!');
    Some(Expr::expr(Func::lower(column.into_expr())).like(pattern))
}

/// Subtasks of a task by id.
pub(crate) async fn subtasks_by_id(
    db: &impl ConnectionTrait,
    task: TaskId,
    ids: &[SubtaskId],
) -> Result<Vec<subtask::Model>, StoreError> {
    let rows = subtask::Entity::find()
        .filter(subtask::Column::TaskId.eq(task.0))
        .filter(subtask::Column::Id.is_in(ids.iter().map(|id| id.0)));
    Ok(rows.all(db).await?)
}
