//! What each kind of subtask does, and how it is undone. Kinds without an outside effect have nothing here: the
//! engine folds them into commits.
//!
//! Whatever a run does, it looks first, so that one that was broken off and runs again comes to the same end.

mod isolation;
mod late_stop;
mod prepare_observer;
mod prepare_stop_cluster;
mod prepare_stop_zone;
mod start_observer_process;
mod stop_observer_process;
mod sync;
mod update_observer_status;
mod wait_observer_serving;
mod wait_observer_stop;

use std::time::Duration;

use slacktide_engine::{
    cluster::{Cluster, Server},
    commit::{Failure, Observation, Outcome},
    fence::Fence,
    kind::SubtaskKind,
    status::Operation,
};
use slacktide_store::{Assignment, Journal, StoreError};

use crate::{
    driver::{Host, Sighting},
    options::Options,
    run::Context,
    run_log::RunLog,
    sql,
};

/// How long a look at a host may take that is not the run's own work: a disk that hangs must not keep it for ever.
pub(crate) const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// How an action came to an end.
pub(crate) enum Ended {
    /// It is done, well or badly.
    Done {
        /// How, and what was seen.
        outcome: Outcome,
        /// What to remember of the server's process.
        journal: Option<Journal>,
    },
    /// The run is somebody else's: its result is of no interest.
    Lost,
    /// It was told to stop and did, before it was done.
    Interrupted,
}

impl Ended {
    /// It is done, of a server that was seen so.
    fn seen(observed: Option<Observation>) -> Self {
        Self::of(Ok(()), observed)
    }

    fn failed(reason: impl Into<String>, observed: Option<Observation>) -> Self {
        Self::of(Err(Failure::new(reason)), observed)
    }

    /// It failed for what may pass by itself.
    fn not_yet(reason: impl Into<String>) -> Self {
        let failure = Failure {
            transient: true,
            ..Failure::new(reason)
        };
        Self::of(Err(failure), None)
    }

    fn refused(error: &sql::SqlError) -> Self {
        let failure = Failure {
            transient: error.class() == sql::Class::Transient,
            code: error.code(),
            ..Failure::new(error.to_string())
        };
        Self::of(Err(failure), None)
    }

    pub(crate) fn of(result: Result<(), Failure>, observed: Option<Observation>) -> Self {
        Self::Done {
            outcome: Outcome { result, observed },
            journal: None,
        }
    }
}

/// Runs the action of the assignment's subtask in the direction that its operation says. Its log ends with how
/// it ended.
pub(crate) async fn run(context: &Context<'_>) -> Ended {
    let ended = match context.assignment.subtask.state.operation {
        Operation::Execute | Operation::Retry => forward(context).await,
        Operation::Rollback => undo(context).await,
        // What was asked to end does nothing but look, as what is passed over.
        Operation::Skip | Operation::Cancel => pass_over(context).await,
    };
    if let Ended::Done { outcome, .. } = &ended {
        match &outcome.result {
            Ok(()) => context.log.line("succeeded"),
            Err(failure) => context.log.line(format!("failed: {}", failure.reason)),
        }
    }
    ended
}

async fn forward(context: &Context<'_>) -> Ended {
    match context.assignment.subtask.kind {
        SubtaskKind::PrepareStopCluster => prepare_stop_cluster::run(context).await,
        SubtaskKind::PrepareStopObZone => prepare_stop_zone::run(context).await,
        SubtaskKind::PrepareStopObserver
        | SubtaskKind::PrepareStartObserver
        | SubtaskKind::PrepareRestartObserver => prepare_observer::run(context).await,
        SubtaskKind::StopObserverProcess => stop_observer_process::run(context).await,
        SubtaskKind::StartObserverProcess => start_observer_process::run(context).await,
        SubtaskKind::WaitObserverAccessible | SubtaskKind::WaitObserverActive => {
            wait_observer_serving::run(context).await
        }
        SubtaskKind::WaitObserverStop => wait_observer_stop::run(context).await,
        SubtaskKind::UpdateObserverStatus => update_observer_status::run(context).await,
        SubtaskKind::PrepareRestartObZone
        | SubtaskKind::StopZone
        | SubtaskKind::StartZone
        | SubtaskKind::StopServer
        | SubtaskKind::StartServer => isolation::run(context).await,
        SubtaskKind::SyncClusterInfo | SubtaskKind::SyncAllTenantInformation => {
            sync::run(context).await
        }
        _ => Ended::seen(None),
    }
}

async fn undo(context: &Context<'_>) -> Ended {
    match context.assignment.subtask.kind {
        SubtaskKind::StopObserverProcess => stop_observer_process::undo(context).await,
        SubtaskKind::StartObserverProcess => start_observer_process::undo(context).await,
        SubtaskKind::PrepareRestartObZone
        | SubtaskKind::StopZone
        | SubtaskKind::StartZone
        | SubtaskKind::StopServer
        | SubtaskKind::StartServer => isolation::undo(context).await,
        _ => pass_over(context).await,
    }
}

/// Looks, and is content with what is seen.
async fn pass_over(context: &Context<'_>) -> Ended {
    let observed = look_once(context.assignment, context.worker.options(), context.log).await;
    Ended::seen(observed)
}

/// Looks at the subtask's server, if it has one, for a bounded time and whatever comes of it.
pub(crate) async fn look_once(
    assignment: &Assignment,
    options: &Options,
    log: &RunLog,
) -> Option<Observation> {
    assignment.subtask.server?;
    let (observation, text) = match host_of(assignment, options) {
        Err(reason) => (Observation::Unknown, reason),
        Ok(host) => {
            let looking = host.look(assignment.process.as_deref());
            match tokio::time::timeout(LOOK_LIMIT, looking).await {
                Ok(sighting) => (sighting.observation, sighting.text),
                Err(_) => (Observation::Unknown, "the host did not answer".to_owned()),
            }
        }
    };
    log.line(format!("looked: {text}"));
    Some(observation)
}

/// Keeps this run, and every earlier one of its subtask, from acting on its host any more.
///
/// # Errors
/// Why the fence cannot be raised: the run may still act.
pub(crate) async fn fence_out(assignment: &Assignment, options: &Options) -> Result<(), String> {
    if !acts_on_host(assignment.subtask.kind) {
        return Ok(());
    }
    // Whatever epoch the next run gets is at least that.
    let fence = Fence {
        generation: assignment.task.generation,
        epoch: assignment.subtask.epoch + 1,
    };
    let own_server = assignment.servers.first();
    if let Some(server) = own_server.filter(|server| is_here(server, options)) {
        Host::of(server, options).raise_fence(fence).await?;
    }
    Ok(())
}

/// Whether runs of this kind, or the undoing of them, change something on a server's host.
fn acts_on_host(kind: SubtaskKind) -> bool {
    matches!(
        kind,
        SubtaskKind::StopObserverProcess | SubtaskKind::StartObserverProcess
    )
}

fn is_here(server: &Server, options: &Options) -> bool {
    server.driver.host().is_none_or(|host| host == options.host)
}

/// The host of the one server that a subtask works on.
fn host(context: &Context<'_>) -> Result<Host, Ended> {
    host_of(context.assignment, context.worker.options())
        .map_err(|reason| Ended::failed(reason, Some(Observation::Unknown)))
}

fn host_of(assignment: &Assignment, options: &Options) -> Result<Host, String> {
    let own = &options.host;
    match assignment.servers.first() {
        None => Err("the server is no longer registered: register the cluster again".to_owned()),
        Some(server) => match server.driver.host() {
            Some(host) if host != own => Err(format!(
                "the server is on host {host} and cannot be seen from {own}"
            )),
            _ => Ok(Host::of(server, options)),
        },
    }
}

/// Looks at the subtask's server as part of its work, and tells the log.
async fn look(context: &Context<'_>) -> Result<(Host, Sighting), Ended> {
    let host = host(context)?;
    let sighting = host.look(context.assignment.process.as_deref()).await;
    context.log.line(&sighting.text);
    Ok((host, sighting))
}

/// What is to be remembered of the subtask's server.
fn journal(context: &Context<'_>, sighting: Sighting) -> Option<Journal> {
    Some(Journal {
        server: context.assignment.subtask.server?,
        process: sighting.process,
        launch: sighting.launch,
    })
}

/// The cluster with all its servers, as it is registered now.
async fn cluster(context: &Context<'_>) -> Result<Cluster, Ended> {
    let id = context.assignment.task.cluster.id;
    let read = context.worker.store().cluster(id).await;
    read.map_err(|error| match error {
        StoreError::Database { .. } => {
            Ended::not_yet(format!("the cluster cannot be read: {error}"))
        }
        error => Ended::failed(format!("the cluster cannot be read: {error}"), None),
    })
}

/// The servers that the subtask works on: its own, its zone's, or all.
fn servers(context: &Context<'_>, cluster: Cluster) -> Vec<Server> {
    let subtask = &context.assignment.subtask;
    cluster
        .zones
        .into_iter()
        .filter(|zone| subtask.zone.is_none_or(|own| own == zone.id))
        .flat_map(|zone| zone.servers)
        .filter(|server| subtask.server.is_none_or(|own| own == server.id))
        .collect()
}

/// Does what leaves nothing half done, unless the run is told to stop.
async fn unless_told_to_stop(context: &Context<'_>, work: impl Future<Output = Ended>) -> Ended {
    tokio::select! {
        biased;
        () = context.cancel.cancelled() => Ended::Interrupted,
        ended = work => ended,
    }
}
