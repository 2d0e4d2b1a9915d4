//! `Start observer process`: starts the server as it ran before, unless it runs. Undone, it stops the server, but
//! only the process that this task started.

use slacktide_engine::{
    commit::{Failure, Observation, Outcome},
    status::Goal,
};
use slacktide_store::Assignment;

use super::{Ended, host, journal, look, stop_observer_process};
use crate::{
    driver::{Host, StartFailure},
    run::Context,
};

pub(super) async fn run(context: &Context<'_>) -> Ended {
    match host(context) {
        Ok(host) => start(context, &host).await,
        Err(ended) => ended,
    }
}

pub(super) async fn start(context: &Context<'_>, host: &Host) -> Ended {
    let Some(server) = context.assignment.servers.first() else {
        return Ended::seen(None);
    };
    let launch = context.assignment.launch.as_deref();
    match host.start(context, server, launch).await {
        Ok(sighting) => {
            context.log.line(&sighting.text);
            let outcome = Outcome {
                result: Ok(()),
                observed: Some(sighting.observation),
            };
            Ended::Done {
                outcome,
                journal: journal(context, sighting),
            }
        }
        Err(StartFailure::Lost) => Ended::Lost,
        Err(StartFailure::Canceled) => Ended::Interrupted,
        Err(StartFailure::Failed {
            reason,
            observed,
            transient,
            code,
        }) => {
            let failure = Failure {
                transient,
                code,
                ..Failure::new(reason)
            };
            Ended::of(Err(failure), Some(observed))
        }
    }
}

pub(super) async fn undo(context: &Context<'_>) -> Ended {
    if let Err(ended) = fence_earlier_runs(context).await {
        return ended;
    }
    let (host, sighting) = match look(context).await {
        Ok(looked) => looked,
        Err(ended) => return ended,
    };
    // A restart wants the server up on its way back, too.
    let unwanted = context.assignment.task.kind.goal() == Goal::Start;
    if unwanted && sighting.observation == Observation::Unknown {
        return Ended::failed(
            format!(
                "it cannot be told whether the server is to be ended again: {}",
                sighting.text
            ),
            Some(Observation::Unknown),
        );
    }
    if !unwanted || sighting.observation == Observation::Gone {
        context.log.line("nothing to undo");
        return Ended::seen(Some(sighting.observation));
    }
    if !host.was_started_by(context, &sighting).await {
        context
            .log
            .line("the server was not started by this task: it goes on");
        return Ended::seen(Some(Observation::Alive));
    }
    // The run that started it may have ended before it could write down which process that is.
    let assignment = Assignment {
        process: sighting.process,
        ..context.assignment.clone()
    };
    let context = Context {
        assignment: &assignment,
        ..*context
    };
    stop_observer_process::stop(&context, &host).await
}

/// What is found now decides what is undone, so no earlier run may change it after the look.
pub(super) async fn fence_earlier_runs(context: &Context<'_>) -> Result<(), Ended> {
    let raised = host(context)?.raise_fence(context.fence()).await;
    raised.map_err(|reason| Ended::failed(reason, Some(Observation::Unknown)))
}
