//! Stopping a cluster: the task is durable when this returns.

use slacktide_engine::{
    cluster::{Cluster, allow_stop},
    id::{ClusterId, SubtaskId, TaskId},
    plan::{self, Acceptance, StopRequest},
    task::as_accepted,
};
use slacktide_store::{Key, Submission, TaskSnapshot, clock};
use slacktide_telemetry::trace;
use tracing::Span;

use super::{
    App, AppError,
    repeat::{carried_out, until_uncontended},
};
use crate::auth::Caller;

/// A stop that is asked for.
pub(crate) struct StopCluster {
    pub(crate) cluster: ClusterId,
    pub(crate) request: StopRequest,
    /// Only say what would be done.
    pub(crate) validate_only: bool,
    pub(crate) key: Option<Key>,
}

/// Returns the task as it was accepted, with its subtasks.
pub(crate) async fn stop_cluster(
    app: &App,
    caller: &Caller,
    command: &StopCluster,
) -> Result<TaskSnapshot, AppError> {
    until_uncontended(|| attempt(app, caller, command)).await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    command: &StopCluster,
) -> Result<TaskSnapshot, AppError> {
    // Before the cluster's state: by now that may be what the first request made of it.
    if let Some(first_answer) = first_answer(app, command).await? {
        return Ok(first_answer);
    }
    let cluster = app.store.cluster(command.cluster).await?;
    if let Err(refusal) = allow_stop(&cluster) {
        // It may be the same request, accepted since the key was looked up, that is in the way.
        return first_answer(app, command).await?.ok_or(refusal.into());
    }
    let plan = plan::stop_cluster(&cluster, command.request)
        .map_err(|error| AppError::Internal(format!("planning a stop failed: {error}")))?;
    let traceparent = trace::traceparent(&Span::current());
    let accepted = if command.validate_only {
        plan.accept(Acceptance {
            task: TaskId(0),
            first_subtask: SubtaskId(1),
            creator: caller.as_creator(),
            executor: app.host.clone(),
            traceparent,
            time: clock::now(),
        })
    } else {
        let submission = Submission {
            plan,
            creator: caller.as_creator(),
            executor: app.host.clone(),
            traceparent,
            key: command.key.clone(),
        };
        let accepted = app.store.submit(submission).await?;
        let (task_id, cluster_id) = (accepted.task.id.0, cluster.id.0);
        tracing::info!(task_id, cluster_id, user = caller.name, "accepted a stop");
        accepted
    };
    Ok(TaskSnapshot {
        task: accepted.task,
        context: accepted.context,
        subtasks: accepted.subtasks,
        zones: zone_names(cluster),
    })
}

/// What the request was answered under its key, if it was carried out before.
async fn first_answer(app: &App, command: &StopCluster) -> Result<Option<TaskSnapshot>, AppError> {
    let Some(task) = carried_out(&app.store, command.key.as_ref()).await? else {
        return Ok(None);
    };
    let mut snapshot = app.store.task(TaskId(task), true).await?;
    (snapshot.task, snapshot.subtasks) = as_accepted(snapshot.task, snapshot.subtasks);
    Ok(Some(snapshot))
}

fn zone_names(
    cluster: Cluster,
) -> std::collections::BTreeMap<slacktide_engine::id::ZoneId, String> {
    let zones = cluster.zones.into_iter();
    zones.map(|zone| (zone.id, zone.name)).collect()
}
