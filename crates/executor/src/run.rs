//! One run of a subtask: its log, its deadline, its action, and how all that comes to an end.

use std::time::Duration;

use slacktide_engine::{
    commit::{Event, Failure, Observation},
    fence::Fence,
    status::Operation,
};
use slacktide_store::{Assignment, Journal, LogTail};
use tokio_util::sync::CancellationToken;

use crate::{
    action::{self, Ended},
    run_log::{self, DurableIntents, Intents, RunLog},
    runs::Place,
    worker::Worker,
};

/// How long an action has to come back after it was told to stop. With [`LAST_LOOK_LIMIT`] it is less than what an
/// executor has to end a canceled run, and than the grace after which others end one that is late.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// How long a run that is ended from outside has to fence and look at its host.
const LAST_LOOK_LIMIT: Duration = Duration::from_secs(6);

/// How long an interrupted action has to come back; what it does may be worth waiting for.
const HAND_BACK_LIMIT: Duration = Duration::from_secs(10);

/// Everything that an action works with.
pub(crate) struct Context<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) assignment: &'a Assignment,
    pub(crate) log: &'a RunLog,
    pub(crate) cancel: &'a CancellationToken,
    pub(crate) intents: &'a dyn Intents,
}

impl Context<'_> {
    /// The fence of this run.
    pub(crate) fn fence(&self) -> Fence {
        Fence {
            generation: self.assignment.task.generation,
            epoch: self.assignment.subtask.epoch,
        }
    }
}

/// How a run ended, to be committed, with the lines of its log that are not written yet.
pub(crate) struct End {
    pub(crate) event: Event,
    pub(crate) journal: Option<Journal>,
    pub(crate) tail: LogTail,
}

/// Runs a claimed subtask to its end; `None` if that is nobody's concern any more.
pub(crate) async fn act(worker: &Worker, assignment: &Assignment, place: &Place) -> Option<End> {
    let (log, lines) = RunLog::new();
    let state = &assignment.subtask.state;
    let begun_before = state.start_time < Some(assignment.task.last_time);
    if begun_before && state.operation == Operation::Execute {
        log.line("an earlier run was lost or handed back: going on from what is found");
    }
    let writing = run_log::write_lines(worker.store(), &assignment.subtask, lines);
    let (ended, tail) = tokio::join!(until_told_to_stop(worker, assignment, log, place), writing);

    let (subtask, epoch) = (assignment.subtask.id, assignment.subtask.epoch);
    let (event, journal) = match ended {
        Ended::Lost => {
            run_log::append(worker.store(), tail).await;
            return None;
        }
        Ended::Interrupted => (Event::HandBack { subtask, epoch }, None),
        Ended::Done { outcome, journal } => (
            Event::Finish {
                subtask,
                epoch,
                outcome,
            },
            journal,
        ),
    };
    Some(End {
        event,
        journal,
        tail,
    })
}

/// What tells a run to stop.
enum Told {
    /// The executor drains, or lost its lease: the run is handed back.
    Interrupted,
    /// An operator.
    Canceled,
    /// Its deadline.
    Expired,
}

async fn until_told_to_stop(
    worker: &Worker,
    assignment: &Assignment,
    log: RunLog,
    place: &Place,
) -> Ended {
    let subtask = &assignment.subtask;
    let cancel = CancellationToken::new();
    let intents = DurableIntents {
        store: worker.store(),
        subtask,
    };
    let context = Context {
        worker,
        assignment,
        log: &log,
        cancel: &cancel,
        intents: &intents,
    };
    if subtask.state.operation == Operation::Cancel {
        // Taken over while it was to end. Whoever took it over has fenced the host.
        return canceled(&context).await;
    }

    let told = {
        let acting = action::run(&context);
        tokio::pin!(acting);
        let told = tokio::select! {
            ended = &mut acting => return ended,
            () = place.cancel.cancelled() => Told::Canceled,
            () = place.interrupt.cancelled() => Told::Interrupted,
            () = tokio::time::sleep(subtask.timeout) => Told::Expired,
        };
        cancel.cancel();
        let limit = match told {
            Told::Interrupted => HAND_BACK_LIMIT,
            Told::Canceled | Told::Expired => STOP_LIMIT,
        };
        match tokio::time::timeout(limit, &mut acting).await {
            // It came to an end of its own just now.
            Ok(ended @ (Ended::Done { .. } | Ended::Lost)) => return ended,
            // One that hangs is left where it hangs.
            Ok(Ended::Interrupted) | Err(_) => told,
        }
    };
    match told {
        Told::Interrupted => {
            log.line("interrupted: the executor drains and hands the subtask back");
            Ended::Interrupted
        }
        Told::Canceled => canceled(&context).await,
        Told::Expired => {
            let reason = format!(
                "{} did not end within {} s; look at its log and at the host",
                subtask.kind.name(),
                subtask.timeout.as_secs(),
            );
            let failure = Failure {
                expired: true,
                ..Failure::new(reason)
            };
            end(&context, failure).await
        }
    }
}

async fn canceled(context: &Context<'_>) -> Ended {
    end(context, Failure::new("canceled on an operator's word")).await
}

/// Ends a run that was told to: it does nothing more on its host, and says what it sees there.
async fn end(context: &Context<'_>, failure: Failure) -> Ended {
    let (assignment, options) = (context.assignment, context.worker.options());
    context.log.line(format!("failed: {}", failure.reason));
    let looking = async {
        if let Err(error) = action::fence_out(assignment, options).await {
            let line = format!("the host's fence cannot be raised: {error}");
            context.log.line(line);
        }
        action::look_once(assignment, options, context.log).await
    };
    let observed = tokio::time::timeout(LAST_LOOK_LIMIT, looking).await;
    let unseen = || assignment.subtask.server.map(|_| Observation::Unknown);
    Ended::of(Err(failure), observed.unwrap_or_else(|_| unseen()))
}
