//! Tasks as the task calls show them: OCP's WrappedTaskInstance for one, BasicTaskInstance in a list.

use serde::Serialize;
use slacktide_api::v1;
use utoipa::ToSchema;

use super::{cluster::PRIMARY, word};
use crate::{
    long::{Long, longs},
    time,
};

/// OCP's WrappedTaskInstance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WrappedTask {
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<TypedCluster>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    create_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<Creator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    finish_time: Option<String>,
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
    #[schema(value_type = Option<word::TaskTypeWord>)]
    r#type: Option<&'static str>,
}

/// OCP's BasicTaskInstance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BasicTask {
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<TypedCluster>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<Creator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    finish_time: Option<String>,
    id: Long,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::TaskStatusWord>)]
    status: Option<&'static str>,
    subtasks: Vec<BasicSubtask>,
}

/// The user who asked for a task.
#[derive(Serialize, ToSchema)]
pub(crate) struct Creator {
    id: Long,
    name: String,
}

/// The cluster that a task works on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskCluster {
    id: Long,
    name: String,
    ob_cluster_id: Long,
}

/// The cluster as the task calls show it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TypedCluster {
    id: Long,
    name: String,
    ob_cluster_id: Long,
    r#type: &'static str,
}

/// OCP's SubtaskInstance.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subtask {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    create_time: Option<String>,
    description: String,
    downstreams: Vec<Long>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    finish_time: Option<String>,
    id: Long,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::OperationWord>)]
    operation: Option<&'static str>,
    parallel_idx: i32,
    prohibit_rollback: bool,
    run_time: i32,
    series_id: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::SubtaskStatusWord>)]
    status: Option<&'static str>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Long>,
    upstreams: Vec<Long>,
}

#[derive(Serialize, ToSchema)]
struct BasicSubtask {
    description: String,
    id: Long,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::OperationWord>)]
    operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<word::SubtaskStatusWord>)]
    status: Option<&'static str>,
}

/// What a subtask has logged.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubtaskLog {
    pub(crate) log: String,
}

impl From<v1::Task> for WrappedTask {
    fn from(task: v1::Task) -> Self {
        Self {
            cluster: task.cluster.map(TypedCluster::from),
            create_time: time::local(task.create_time),
            creator: task.creator.map(Creator::from),
            executor: known(task.executor),
            finish_time: time::local(task.finish_time),
            id: Long(task.id),
            name: task.name,
            operation: word::operation(task.operation),
            prohibit_rollback: task.prohibit_rollback,
            start_time: time::local(task.start_time),
            status: word::task_status(task.status),
            subtasks: task.subtasks.into_iter().map(Subtask::from).collect(),
            task_definition_id: Long(task.task_definition_id),
            r#type: word::task_type(task.r#type),
        }
    }
}

impl From<v1::Task> for BasicTask {
    fn from(task: v1::Task) -> Self {
        Self {
            cluster: task.cluster.map(TypedCluster::from),
            creator: task.creator.map(Creator::from),
            finish_time: time::local(task.finish_time),
            id: Long(task.id),
            name: task.name,
            start_time: time::local(task.start_time),
            status: word::task_status(task.status),
            subtasks: task.subtasks.into_iter().map(BasicSubtask::from).collect(),
        }
    }
}

impl From<v1::Subtask> for Subtask {
    fn from(subtask: v1::Subtask) -> Self {
        Self {
            create_time: time::local(subtask.create_time),
            description: subtask.description,
            downstreams: longs(subtask.downstreams),
            executor: known(subtask.executor),
            finish_time: time::local(subtask.finish_time),
            id: Long(subtask.id),
            name: subtask.name,
            node_type: known(subtask.node_type),
            operation: word::operation(subtask.operation),
            parallel_idx: subtask.parallel_idx,
            prohibit_rollback: subtask.prohibit_rollback,
            run_time: subtask.run_time,
            series_id: subtask.series_id,
            start_time: time::local(subtask.start_time),
            status: word::subtask_status(subtask.status),
            timeout: subtask.timeout.map(|timeout| Long(timeout.seconds)),
            upstreams: longs(subtask.upstreams),
        }
    }
}

impl From<v1::Subtask> for BasicSubtask {
    fn from(subtask: v1::Subtask) -> Self {
        Self {
            description: subtask.description,
            id: Long(subtask.id),
            name: subtask.name,
            operation: word::operation(subtask.operation),
            status: word::subtask_status(subtask.status),
        }
    }
}

impl From<v1::TaskCreator> for Creator {
    fn from(creator: v1::TaskCreator) -> Self {
        Self {
            id: Long(creator.id),
            name: creator.name,
        }
    }
}

impl From<v1::TaskCluster> for TaskCluster {
    fn from(cluster: v1::TaskCluster) -> Self {
        Self {
            id: Long(cluster.id),
            name: cluster.name,
            ob_cluster_id: Long(cluster.ob_cluster_id),
        }
    }
}

impl From<v1::TaskCluster> for TypedCluster {
    fn from(cluster: v1::TaskCluster) -> Self {
        Self {
            id: Long(cluster.id),
            name: cluster.name,
            ob_cluster_id: Long(cluster.ob_cluster_id),
            r#type: PRIMARY,
        }
    }
}

/// The gRPC API has an empty string where something isn't known yet; REST leaves it out.
pub(super) fn known(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
