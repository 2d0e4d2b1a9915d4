//! Tasks on the wire.

use std::collections::{BTreeMap, HashMap};

use prost_types::Duration;
use slacktide_api::v1::{self as pb, task_change};
use slacktide_engine::{
    id::ZoneId,
    revision::{Changed, Revision},
    status::{Operation, SubtaskStatus, TaskStatus},
    subtask::{Subtask, SubtaskState},
    task::{Context, Tally, Task, TaskState},
};
use slacktide_store::TaskSnapshot;

use super::{no_such_value, timestamp};
use crate::app::Violations;

/// OCP's kind of every subtask.
const NODE_TYPE: &str = "JAVA_TASK";

/// A task with the subtasks that the snapshot has.
pub(in crate::grpc) fn snapshot(snapshot: &TaskSnapshot) -> pb::Task {
    pb::Task {
        subtasks: subtasks(&snapshot.subtasks, &snapshot.zones),
        ..task(&snapshot.task, &snapshot.context)
    }
}

/// A task without its subtasks.
pub(in crate::grpc) fn task(task: &Task, works_on: &Context) -> pb::Task {
    let TaskState {
        status,
        operation,
        start_time,
        finish_time,
        error,
    } = &task.state;
    pb::Task {
        id: task.id.0,
        name: task.kind.name().to_owned(),
        status: task_status(*status).into(),
        operation: self::operation(*operation).into(),
        r#type: pb::TaskType::Manual.into(),
        cluster: Some(pb::TaskCluster {
            id: task.cluster.id.0,
            name: task.cluster.name.clone(),
            ob_cluster_id: task.cluster.ob_cluster_id,
        }),
        creator: Some(pb::TaskCreator {
            id: task.creator.id.0,
            name: task.creator.name.clone(),
        }),
        context: Some(context(works_on)),
        prohibit_rollback: false,
        executor: task.executor.clone(),
        revision: task.revision,
        create_time: Some(timestamp(task.create_time)),
        start_time: start_time.map(timestamp),
        finish_time: finish_time.map(timestamp),
        subtasks: Vec::new(),
        error: error.clone().unwrap_or_default(),
        progress: Some(progress(task.tally)),
        trace_id: trace_id(task.traceparent.as_deref()),
        task_definition_id: -1,
        tenant_id: None,
        host_id: None,
    }
}

/// Subtasks of one task.
pub(in crate::grpc) fn subtasks(
    subtasks: &[Subtask],
    zones: &BTreeMap<ZoneId, String>,
) -> Vec<pb::Subtask> {
    subtasks
        .iter()
        .map(|one| {
            let zone = one.zone.and_then(|zone| zones.get(&zone));
            subtask(one, zone.cloned().unwrap_or_default())
        })
        .collect()
}

/// One subtask; the name of its zone is empty where it has none.
pub(in crate::grpc) fn subtask(subtask: &Subtask, zone_name: String) -> pb::Subtask {
    let SubtaskState {
        status,
        operation,
        run_time,
        executor,
        start_time,
        finish_time,
        error,
        code,
    } = &subtask.state;
    let name = subtask.kind.name();
    pb::Subtask {
        id: subtask.id.0,
        name: name.to_owned(),
        description: name.to_owned(),
        series_id: subtask.series_id,
        status: subtask_status(*status).into(),
        operation: self::operation(*operation).into(),
        executor: executor.clone().unwrap_or_default(),
        run_time: *run_time,
        timeout: Duration::try_from(subtask.timeout).ok(),
        parallel_idx: subtask.parallel_idx,
        node_type: NODE_TYPE.to_owned(),
        prohibit_rollback: false,
        create_time: Some(timestamp(subtask.create_time)),
        start_time: start_time.map(timestamp),
        finish_time: finish_time.map(timestamp),
        upstreams: subtask.upstreams.iter().map(|id| id.0).collect(),
        downstreams: subtask.downstreams.iter().map(|id| id.0).collect(),
        error: error.clone().unwrap_or_default(),
        server_id: subtask.server.map(|id| id.0),
        zone_name,
        error_code: code.unwrap_or_default(),
        not_before: subtask.not_before.map(timestamp),
    }
}

/// One change, for watchers.
pub(in crate::grpc) fn change(revision: Revision) -> pb::TaskChange {
    let change = match revision.what {
        Changed::Task(state) => task_change::Change::Task(pb::TaskState {
            status: task_status(state.status).into(),
            operation: operation(state.operation).into(),
            start_time: state.start_time.map(timestamp),
            finish_time: state.finish_time.map(timestamp),
            error: state.error.unwrap_or_default(),
        }),
        Changed::Subtask(id, state) => task_change::Change::Subtask(pb::SubtaskState {
            id: id.0,
            status: subtask_status(state.status).into(),
            operation: operation(state.operation).into(),
            executor: state.executor.unwrap_or_default(),
            run_time: state.run_time,
            start_time: state.start_time.map(timestamp),
            finish_time: state.finish_time.map(timestamp),
            error: state.error.unwrap_or_default(),
            error_code: state.code.unwrap_or_default(),
        }),
    };
    pb::TaskChange {
        revision: revision.number,
        time: Some(timestamp(revision.time)),
        change: Some(change),
    }
}

/// Whether a view has subtasks; `by_default` where it is not given.
pub(in crate::grpc) fn with_subtasks(
    view: i32,
    by_default: bool,
    violations: &mut Violations,
) -> bool {
    match pb::TaskView::try_from(view) {
        Ok(pb::TaskView::Unspecified) => by_default,
        Ok(pb::TaskView::Basic) => false,
        Ok(pb::TaskView::Full) => true,
        Err(unknown) => {
            violations.add("view", no_such_value(unknown));
            by_default
        }
    }
}

/// The status of a filter; `None` for any.
pub(in crate::grpc) fn filter_status(status: pb::TaskStatus) -> Option<TaskStatus> {
    Some(match status {
        pb::TaskStatus::Unspecified => return None,
        pb::TaskStatus::Running => TaskStatus::Running,
        pb::TaskStatus::Failed => TaskStatus::Failed,
        pb::TaskStatus::Successful => TaskStatus::Successful,
    })
}

fn context(context: &Context) -> pb::TaskContext {
    let list = |(key, values): (&String, &Vec<String>)| {
        let values = values.clone();
        (key.clone(), pb::StringList { values })
    };
    pb::TaskContext {
        parallel_idx: -1,
        string_map: HashMap::from_iter(context.strings.clone()),
        list_map: context.lists.iter().map(list).collect(),
    }
}

fn progress(tally: Tally) -> pb::TaskProgress {
    let count = |value| i32::try_from(value).unwrap_or(i32::MAX);
    pb::TaskProgress {
        total: count(tally.total),
        successful: count(tally.successful),
        failed: count(tally.failed),
        active: count(tally.active),
    }
}

/// The trace of a W3C `traceparent`: its second part.
fn trace_id(traceparent: Option<&str>) -> String {
    let part = traceparent.and_then(|parent| parent.split('-').nth(1));
    part.unwrap_or_default().to_owned()
}

fn task_status(status: TaskStatus) -> pb::TaskStatus {
    match status {
        TaskStatus::Running => pb::TaskStatus::Running,
        TaskStatus::Failed => pb::TaskStatus::Failed,
        TaskStatus::Successful => pb::TaskStatus::Successful,
    }
}

fn subtask_status(status: SubtaskStatus) -> pb::SubtaskStatus {
    match status {
        SubtaskStatus::Pending => pb::SubtaskStatus::Pending,
        SubtaskStatus::Ready => pb::SubtaskStatus::Ready,
        SubtaskStatus::Running => pb::SubtaskStatus::Running,
        SubtaskStatus::Canceling => pb::SubtaskStatus::Canceling,
        SubtaskStatus::Failed => pb::SubtaskStatus::Failed,
        SubtaskStatus::Successful => pb::SubtaskStatus::Successful,
    }
}

fn operation(operation: Operation) -> pb::Operation {
    match operation {
        Operation::Execute => pb::Operation::Execute,
        Operation::Retry => pb::Operation::Retry,
        Operation::Rollback => pb::Operation::Rollback,
        Operation::Skip => pb::Operation::Skip,
        Operation::Cancel => pb::Operation::Cancel,
    }
}
