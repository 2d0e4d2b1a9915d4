//! `Stop observer process`: the only destructive kind. Looks first, and signals nobody but the process that
//! was journaled. Undone, it starts the server again where there was one, also one that is only about to end.

use slacktide_engine::commit::{Failure, Observation};

use super::{Ended, look, start_observer_process};
use crate::{
    driver::{Host, StopFailure},
    run::Context,
};

pub(super) async fn run(context: &Context<'_>) -> Ended {
    match super::host(context) {
        Ok(host) => stop(context, &host).await,
        Err(ended) => ended,
    }
}

pub(super) async fn stop(context: &Context<'_>, host: &Host) -> Ended {
    match host.stop(context).await {
        Ok(text) => {
            context.log.line(text);
            Ended::seen(Some(Observation::Gone))
        }
        Err(StopFailure::Lost) => Ended::Lost,
        Err(StopFailure::Canceled) => Ended::Interrupted,
        Err(StopFailure::Failed {
            reason,
            observed,
            transient,
        }) => {
            let failure = Failure {
                transient,
                ..Failure::new(reason)
            };
            Ended::of(Err(failure), Some(observed))
        }
    }
}

pub(super) async fn undo(context: &Context<'_>) -> Ended {
    if let Err(ended) = start_observer_process::fence_earlier_runs(context).await {
        return ended;
    }
    let (host, sighting) = match look(context).await {
        Ok(looked) => looked,
        Err(ended) => return ended,
    };
    match sighting.observation {
        // One that runs may have got a signal and be about to end: a start finds that out under the lock.
        Observation::Alive | Observation::Gone if host.was_stopped_by(context).await => {
            start_observer_process::start(context, &host).await
        }
        Observation::Alive => {
            context.log.line("the server runs: nothing to undo");
            Ended::seen(Some(Observation::Alive))
        }
        Observation::Gone => {
            context
                .log
                .line("the server was down before this task: it stays down");
            Ended::seen(Some(Observation::Gone))
        }
        Observation::Unknown => Ended::failed(
            format!(
                "it cannot be told whether the server is to be started again: {}",
                sighting.text
            ),
            Some(Observation::Unknown),
        ),
    }
}
