//! Tasks and subtasks as rows.

use std::time::Duration;

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

/// The order of `hot::TASK`.
pub(crate) fn new_task_row(task: &Task, context: &Context) -> Result<Value, StoreError> {
    let (state, tally) = (&task.state, &task.tally);
    Ok(json!([
        task.id,
        task.kind,
        task.cluster.id,
        task.cluster.name,
        task.cluster.ob_cluster_id,
        task.zone,
        task.server,
        task.creator.id,
        task.creator.name,
        to_json(context)?,
        to_json(&task.options)?,
        task.generation,
        task.executor,
        task.traceparent,
        task.create_time,
        state.status,
        state.operation,
        state.start_time,
        state.finish_time,
        state.error,
        task.revision,
        task.last_time,
        tally.total,
        tally.successful,
        tally.failed,
        tally.active,
        tally.running,
        0,
    ]))
}

/// The order of `hot::NEW_SUBTASK`.
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
        subtask.selector,
        i64::from(subtask.foldable),
        i64::try_from(subtask.timeout.as_micros()).unwrap_or(i64::MAX),
        to_json(&subtask.upstreams)?,
        to_json(&subtask.downstreams)?,
        subtask.create_time,
        subtask.state.status,
        subtask.state.operation,
        subtask.state.run_time,
        subtask.open_upstreams,
        0,
        0,
        0,
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
            zone: self.zone_id.map(ZoneId),
            server: self.server_id.map(ServerId),
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
                running: count(self.running),
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
            selector: word(kind, id, &self.selector)?,
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
                code: self.code.map(small),
            },
            open_upstreams: u32::try_from(self.open_upstreams).unwrap_or(0),
            epoch: self.epoch,
            owner: self.owner,
            deadline: self.deadline.map(Micros),
            not_before: self.not_before.map(Micros),
            auto_retries: u32::try_from(self.auto_retries).unwrap_or(0),
            version: self.version,
        })
    }
}
