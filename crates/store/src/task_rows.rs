//! Tasks and subtasks as rows.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};
use slacktide_engine::{
    id::{ClusterId, ServerId, SubtaskId, TaskId, UserId, ZoneId},
    subtask::{Subtask, SubtaskState},
    task::{Context, Creator, Tally, Task, TaskCluster, TaskState},
    time::Micros,
};

use crate::{
    columns::{json, to_json, word},
    entity::{subtask, task},
    error::StoreError,
};

pub(crate) fn task_row(task: &Task, context: &Context) -> Result<task::ActiveModel, StoreError> {
    Ok(task::ActiveModel {
        id: Set(task.id.0),
        kind: Set(task.kind.to_string()),
        cluster_id: Set(task.cluster.id.0),
        cluster_name: Set(task.cluster.name.clone()),
        ob_cluster_id: Set(task.cluster.ob_cluster_id),
        creator_id: Set(task.creator.id.0),
        creator_name: Set(task.creator.name.clone()),
        context: Set(to_json(context)?),
        options: Set(to_json(&task.options)?),
        generation: Set(task.generation),
        executor: Set(task.executor.clone()),
        traceparent: Set(task.traceparent.clone()),
        create_time: Set(task.create_time.0),
        status: Set(task.state.status.to_string()),
        operation: Set(task.state.operation.to_string()),
        start_time: Set(task.state.start_time.map(|time| time.0)),
        finish_time: Set(task.state.finish_time.map(|time| time.0)),
        error: Set(task.state.error.clone()),
        revision: Set(task.revision),
        last_time: Set(task.last_time.0),
        total: Set(task.tally.total.into()),
        successful: Set(task.tally.successful.into()),
        failed: Set(task.tally.failed.into()),
        active: Set(task.tally.active.into()),
        version: Set(0),
    })
}

/// The order of `hot::INSERT_SUBTASKS`.
pub(crate) fn new_subtask_row(subtask: &Subtask) -> Result<Value, StoreError> {
    Ok(json!([
        subtask.id,
        subtask.task,
        subtask.kind.name(),
        subtask.series_id,
        subtask.parallel_idx,
        subtask.zone,
        subtask.server,
        subtask.host,
        i64::from(subtask.foldable),
        i64::try_from(subtask.timeout.as_micros()).unwrap_or(i64::MAX),
        to_json(&subtask.upstreams)?,
        to_json(&subtask.downstreams)?,
        subtask.create_time,
        subtask.state.status,
        subtask.state.operation,
        subtask.state.run_time,
        subtask.open_upstreams,
    ]))
}

impl task::Model {
    /// What the task works on. Not part of the task itself: it grows with the cluster, and no commit needs it.
    pub(crate) fn context(&self) -> Result<Context, StoreError> {
        json("task", self.id, &self.context)
    }

    pub(crate) fn try_into_task(self) -> Result<Task, StoreError> {
        let (kind, id) = ("task", self.id);
        let count = |value: i64| u32::try_from(value).unwrap_or(0);
        Ok(Task {
            id: TaskId(id),
            kind: word(kind, id, &self.kind)?,
            cluster: TaskCluster {
                id: ClusterId(self.cluster_id),
                name: self.cluster_name,
                ob_cluster_id: self.ob_cluster_id,
            },
            creator: Creator {
                id: UserId(self.creator_id),
                name: self.creator_name,
            },
            options: json(kind, id, &self.options)?,
            generation: self.generation,
            executor: self.executor,
            traceparent: self.traceparent,
            create_time: Micros(self.create_time),
            state: TaskState {
                status: word(kind, id, &self.status)?,
                operation: word(kind, id, &self.operation)?,
                start_time: self.start_time.map(Micros),
                finish_time: self.finish_time.map(Micros),
                error: self.error,
            },
            revision: self.revision,
            last_time: Micros(self.last_time),
            tally: Tally {
                total: count(self.total),
                successful: count(self.successful),
                failed: count(self.failed),
                active: count(self.active),
            },
        })
    }
}

impl subtask::Model {
    pub(crate) fn try_into_subtask(self) -> Result<Subtask, StoreError> {
        let (kind, id) = ("subtask", self.id);
        let small = |value: i64| i32::try_from(value).unwrap_or(-1);
        Ok(Subtask {
            id: SubtaskId(id),
            task: TaskId(self.task_id),
            kind: word(kind, id, &self.kind)?,
            series_id: small(self.series_id),
            parallel_idx: small(self.parallel_idx),
            zone: self.zone_id.map(ZoneId),
            server: self.server_id.map(ServerId),
            host: self.host,
            foldable: self.foldable != 0,
            timeout: Duration::from_micros(self.timeout.unsigned_abs()),
            upstreams: json(kind, id, &self.upstreams)?,
            downstreams: json(kind, id, &self.downstreams)?,
            create_time: Micros(self.create_time),
            state: SubtaskState {
                status: word(kind, id, &self.status)?,
                operation: word(kind, id, &self.operation)?,
                run_time: small(self.run_time),
                executor: self.executor,
                start_time: self.start_time.map(Micros),
                finish_time: self.finish_time.map(Micros),
                error: self.error,
            },
            open_upstreams: u32::try_from(self.open_upstreams).unwrap_or(0),
            epoch: self.epoch,
            owner: self.owner,
            deadline: self.deadline.map(Micros),
            version: self.version,
        })
    }
}
