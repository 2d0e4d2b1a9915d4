//! `Update observer status`: looks again, and fails if the server is not as the task wants it.

use slacktide_engine::{commit::Observation, status::Goal};

use super::{Ended, look};
use crate::run::Context;

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let (_, sighting) = match look(context).await {
        Ok(looked) => looked,
        Err(ended) => return ended,
    };
    let (observed, text) = (Some(sighting.observation), sighting.text);
    match (context.assignment.task.kind.goal(), sighting.observation) {
        (Goal::Stop, Observation::Gone) | (Goal::Start | Goal::Restart, Observation::Alive) => {
            Ended::seen(observed)
        }
        (Goal::Stop, Observation::Alive) => Ended::failed(
            format!("the server runs again: {text}; see what restarts it"),
            observed,
        ),
        (Goal::Start | Goal::Restart, Observation::Gone) => Ended::failed(
            format!("the server is gone again: {text}; see its own log for the reason"),
            observed,
        ),
        (_, Observation::Unknown) => Ended::failed(
            format!("it cannot be told whether the server runs: {text}"),
            observed,
        ),
    }
}
