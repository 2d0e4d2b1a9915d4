//! `Prepare stop observer`, `Prepare start observer`, `Prepare restart observer`: find the server's process and
//! journal who it is, before anything is done to it.

use slacktide_engine::{
    commit::{Observation, Outcome},
    status::Goal,
};

use super::{Ended, host, journal};
use crate::{driver::Sighting, run::Context};

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let host = match host(context) {
        Ok(host) => host,
        Err(ended) => return ended,
    };
    // What an earlier look wrote down counts no more: this one decides whose process it is.
    let sighting = host.look(None).await;
    context.log.line(&sighting.text);
    let goal = context.assignment.task.kind.goal();
    if let Some(obstacle) = obstacle(goal, &sighting) {
        return Ended::failed(obstacle, Some(sighting.observation));
    }
    let outcome = Outcome {
        result: Ok(()),
        observed: Some(sighting.observation),
    };
    Ended::Done {
        outcome,
        journal: journal(context, sighting),
    }
}

/// What forbids to go on. Who owns a process that runs is of no interest to a start: it is left alone.
fn obstacle(goal: Goal, sighting: &Sighting) -> Option<String> {
    let runs = sighting.observation == Observation::Alive && sighting.process.is_some();
    match goal {
        Goal::Start if runs => None,
        _ => sighting.obstacle.clone(),
    }
}
