//! The task as the calls on zones, and the restart of a server, answer with it: OCP's TaskInstance.

use std::collections::BTreeMap;

use serde::Serialize;
use slacktide_api::v1;
use utoipa::ToSchema;

use super::{
    task::{Subtask, known},
    word,
};
use crate::{long::Long, time};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskInstance {
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<Long>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    create_time: Option<String>,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    finish_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_id: Option<Long>,
    id: Long,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::OperationWord>)]
    operation: Option<&'static str>,
    prohibit_rollback: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::TaskStatusWord>)]
    status: Option<&'static str>,
    subtasks: Vec<Subtask>,
    task_definition_id: Long,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<Long>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::TaskTypeWord>)]
    r#type: Option<&'static str>,
}

/// What the task works on, as an object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Context {
    list_map: BTreeMap<String, Vec<String>>,
    /// Whether this is a branch of a fan-out.
    parallel: bool,
    parallel_idx: i32,
    string_map: BTreeMap<String, String>,
}

impl From<v1::Task> for TaskInstance {
    fn from(task: v1::Task) -> Self {
        Self {
            cluster_id: task.cluster.map(|cluster| Long(cluster.id)),
            context: task.context.map(Context::from),
            create_time: time::local(task.create_time),
            creator: task.creator.map(|creator| creator.name),
            executor: known(task.executor),
            finish_time: time::local(task.finish_time),
            host_id: task.host_id.map(Long),
            id: Long(task.id),
            name: task.name,
            operation: word::operation(task.operation),
            prohibit_rollback: task.prohibit_rollback,
            start_time: time::local(task.start_time),
            status: word::task_status(task.status),
            subtasks: task.subtasks.into_iter().map(Subtask::from).collect(),
            task_definition_id: Long(task.task_definition_id),
            tenant_id: task.tenant_id.map(Long),
            r#type: word::task_type(task.r#type),
        }
    }
}

impl From<v1::TaskContext> for Context {
    fn from(context: v1::TaskContext) -> Self {
        let lists = context.list_map.into_iter();
        Self {
            list_map: lists.map(|(key, list)| (key, list.values)).collect(),
            parallel: context.parallel_idx >= 0,
            parallel_idx: context.parallel_idx,
            string_map: context.string_map.into_iter().collect(),
        }
    }
}
