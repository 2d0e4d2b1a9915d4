//! The task as the calls that begin one answer with it: OCP's older shape, with `tasks` for the subtasks.
//! The contract's example has exactly these members.

use serde::Serialize;
use slacktide_api::v1;
use utoipa::ToSchema;

use super::{
    task::{Creator, TaskCluster},
    word,
};
use crate::{
    context,
    long::{Long, longs},
    time,
};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BegunTask {
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<TaskCluster>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<Creator>,
    id: Long,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::TaskStatusWord>)]
    status: Option<&'static str>,
    tasks: Vec<BegunSubtask>,
}

#[derive(Serialize, ToSchema)]
struct BegunSubtask {
    description: String,
    downstreams: Vec<Long>,
    id: Long,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::OperationWord>)]
    operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::SubtaskStatusWord>)]
    status: Option<&'static str>,
    upstreams: Vec<Long>,
}

impl From<v1::Task> for BegunTask {
    fn from(task: v1::Task) -> Self {
        Self {
            cluster: task.cluster.map(TaskCluster::from),
            context: task.context.as_ref().map(context::render),
            creator: task.creator.map(Creator::from),
            id: Long(task.id),
            name: task.name,
            start_time: time::local(task.start_time),
            status: word::task_status(task.status),
            tasks: task.subtasks.into_iter().map(BegunSubtask::from).collect(),
        }
    }
}

impl From<v1::Subtask> for BegunSubtask {
    fn from(subtask: v1::Subtask) -> Self {
        Self {
            description: subtask.description,
            downstreams: longs(subtask.downstreams),
            id: Long(subtask.id),
            name: subtask.name,
            operation: word::operation(subtask.operation),
            status: word::subtask_status(subtask.status),
            upstreams: longs(subtask.upstreams),
        }
    }
}
