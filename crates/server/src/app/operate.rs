//! Stopping, starting and restarting a cluster, one of its zones or one of its servers: the task is durable
//! when this returns.

use std::collections::BTreeMap;

use slacktide_engine::{
    allow::{Subject, allow},
    cluster::{Cluster, Server, Zone},
    finding::Finding,
    id::{ClusterId, ServerId, SubtaskId, TaskId, ZoneId},
    plan::{Acceptance, Plan, Request, plan},
    status::Goal,
    task::as_accepted,
};
use slacktide_store::{Key, Submission, TaskSnapshot, clock};
use slacktide_telemetry::trace;
use tracing::Span;

use super::{
    App, AppError, Kind,
    repeat::{carried_out, until_uncontended},
};
use crate::auth::Caller;

/// An operation that is asked for.
pub(crate) struct Operate {
    pub(crate) cluster: ClusterId,
    pub(crate) part: Part,
    pub(crate) goal: Goal,
    pub(crate) request: Request,
    /// Only say what would be done.
    pub(crate) validate_only: bool,
    pub(crate) key: Option<Key>,
}

/// What of the cluster it is to work on.
pub(crate) enum Part {
    Whole,
    Zone(String),
    Server(ServerId),
}

/// What an operation was answered with.
pub(crate) struct Operated {
    /// The task as it was accepted, with its subtasks.
    pub(crate) task: TaskSnapshot,
    /// What the checks before a stop of a whole cluster found; only where it is a dry run.
    pub(crate) findings: Vec<Finding>,
}

/// Has an operation carried out, or says what it would be.
pub(crate) async fn operate(
    app: &App,
    caller: &Caller,
    command: &Operate,
) -> Result<Operated, AppError> {
    until_uncontended(|| attempt(app, caller, command)).await
}

async fn attempt(app: &App, caller: &Caller, command: &Operate) -> Result<Operated, AppError> {
    // Before the cluster's state: by now that may be what the first request made of it.
    if let Some(first_answer) = first_answer(app, command).await? {
        return Ok(first_answer);
    }
    let cluster = app.store.cluster(command.cluster).await?;
    let plan = match planned(&cluster, command) {
        Ok(plan) => plan,
        Err(refused @ AppError::Refused(_)) => {
            // It may be the same request, accepted since the key was looked up, that is in the way.
            return first_answer(app, command).await?.ok_or(refused);
        }
        Err(error) => return Err(error),
    };
    if command.validate_only {
        dry_run(app, caller, cluster, command, plan).await
    } else {
        submit(app, caller, cluster, command, plan).await
    }
}

fn planned(cluster: &Cluster, command: &Operate) -> Result<Plan, AppError> {
    let subject = subject(cluster, &command.part)?;
    allow(cluster, command.goal, subject)?;
    plan(cluster, command.goal, subject, command.request)
        .map_err(|error| AppError::Internal(format!("planning an operation failed: {error}")))
}

fn subject<'c>(cluster: &'c Cluster, part: &Part) -> Result<Subject<'c>, AppError> {
    let mut zones = cluster.zones.iter();
    match part {
        Part::Whole => Ok(Subject::Cluster),
        Part::Zone(name) => zones
            .find(|zone| zone.name == *name)
            .map(Subject::Zone)
            .ok_or_else(|| AppError::not_found(Kind::Zone, name)),
        Part::Server(id) => zones
            .find_map(|zone| Some((zone, server_of(zone, *id)?)))
            .map(|(zone, server)| Subject::Server(zone, server))
            .ok_or_else(|| AppError::not_found(Kind::Server, id)),
    }
}

fn server_of(zone: &Zone, id: ServerId) -> Option<&Server> {
    zone.servers.iter().find(|server| server.id == id)
}

async fn dry_run(
    app: &App,
    caller: &Caller,
    cluster: Cluster,
    command: &Operate,
    plan: Plan,
) -> Result<Operated, AppError> {
    let accepted = plan.accept(Acceptance {
        task: TaskId(0),
        first_subtask: SubtaskId(1),
        creator: caller.as_creator(),
        executor: app.host.clone(),
        traceparent: trace::traceparent(&Span::current()),
        time: clock::now(),
    });
    let findings = match (command.goal, &command.part) {
        (Goal::Stop, Part::Whole) => app.preflight.preflight(&cluster).await,
        _ => Vec::new(),
    };
    Ok(Operated {
        task: TaskSnapshot {
            task: accepted.task,
            context: accepted.context,
            subtasks: accepted.subtasks,
            zones: zone_names(cluster),
        },
        findings,
    })
}

async fn submit(
    app: &App,
    caller: &Caller,
    cluster: Cluster,
    command: &Operate,
    plan: Plan,
) -> Result<Operated, AppError> {
    let operation = plan.kind().name();
    let accepted = app
        .store
        .submit(Submission {
            plan,
            creator: caller.as_creator(),
            executor: app.host.clone(),
            traceparent: trace::traceparent(&Span::current()),
            key: command.key.clone(),
        })
        .await?;
    let (task_id, cluster_id) = (accepted.task.id.0, cluster.id.0);
    tracing::info!(
        task_id,
        cluster_id,
        operation,
        user = caller.name,
        "accepted an operation"
    );
    Ok(Operated {
        task: TaskSnapshot {
            task: accepted.task,
            context: accepted.context,
            subtasks: accepted.subtasks,
            zones: zone_names(cluster),
        },
        findings: Vec::new(),
    })
}

/// What the request was answered under its key, if it was carried out before.
async fn first_answer(app: &App, command: &Operate) -> Result<Option<Operated>, AppError> {
    let Some(task) = carried_out(&app.store, command.key.as_ref()).await? else {
        return Ok(None);
    };
    let mut task = app.store.task(TaskId(task), true).await?;
    (task.task, task.subtasks) = as_accepted(task.task, task.subtasks);
    let findings = Vec::new();
    Ok(Some(Operated { task, findings }))
}

fn zone_names(cluster: Cluster) -> BTreeMap<ZoneId, String> {
    let zones = cluster.zones.into_iter();
    zones.map(|zone| (zone.id, zone.name)).collect()
}
