//! What each kind of subtask does, one file each. Kinds without an outside effect have none: the engine folds
//! them into commits.

mod prepare_stop_observer;
mod prepare_stop_zone;
mod stop_observer_process;
mod update_observer_status;

use std::time::Duration;

use slacktide_engine::{
    commit::{Observation, Outcome},
    kind::SubtaskKind,
};
use slacktide_store::Journal;

use crate::{
    driver::Host,
    run::{Context, failed},
};

/// How long the look of a run whose time is over may take: a disk that hangs must not keep it for ever.
const LOOK_LIMIT: Duration = Duration::from_secs(10);

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
    fn done(outcome: Outcome) -> Self {
        Self::Done {
            outcome,
            journal: None,
        }
    }

    fn failed(reason: impl Into<String>, observed: Option<Observation>) -> Self {
        Self::done(failed(reason, observed))
    }
}

/// Runs the action of the assignment's subtask. Its log ends with how it ended.
pub(crate) async fn run(context: &Context<'_>) -> Ended {
    let ended = match context.assignment.subtask.kind {
        SubtaskKind::PrepareStopObZone => prepare_stop_zone::run(context).await,
        SubtaskKind::PrepareStopObserver => prepare_stop_observer::run(context).await,
        SubtaskKind::StopObserverProcess => stop_observer_process::run(context).await,
        SubtaskKind::UpdateObserverStatus => update_observer_status::run(context).await,
        SubtaskKind::PrepareStopCluster
        | SubtaskKind::WaitNode
        | SubtaskKind::UpdateZoneStatus
        | SubtaskKind::UpdateObClusterStatus => Ended::done(Outcome::success()),
    };
    if let Ended::Done { outcome, .. } = &ended {
        match &outcome.result {
            Ok(()) => context.log.line("succeeded"),
            Err(failure) => context.log.line(format!("failed: {}", failure.reason)),
        }
    }
    ended
}

/// Looks at the server once more, for a run that did not end by itself.
pub(crate) async fn observe(context: &Context<'_>) -> Option<Observation> {
    context.assignment.subtask.server?;
    let host = host(context).ok()?;
    let looking = host.look(context.assignment.process.as_deref());
    let Ok(sighting) = tokio::time::timeout(LOOK_LIMIT, looking).await else {
        context
            .log
            .line("looked once more, but the host did not answer");
        return Some(Observation::Unknown);
    };
    context
        .log
        .line(format!("looked once more: {}", sighting.text));
    Some(sighting.observation)
}

/// The host of the one server that a subtask works on.
fn host(context: &Context<'_>) -> Result<Host, Ended> {
    let own = &context.worker.options().host;
    let refused = |reason: String| Err(Ended::failed(reason, Some(Observation::Unknown)));
    match context.assignment.servers.first() {
        None => {
            refused("the server is no longer registered: register the cluster again".to_owned())
        }
        Some(server) => match server.driver.host() {
            Some(host) if host != own => refused(format!(
                "the server was moved to host {host} while the subtask was on {own}: retry"
            )),
            _ => Ok(Host::of(server, context.worker.options())),
        },
    }
}
