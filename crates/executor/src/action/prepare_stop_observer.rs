//! `Prepare stop observer`: finds the server's process and journals who it is, before any signal.

use slacktide_engine::commit::Outcome;
use slacktide_store::Journal;

use super::{Ended, host};
use crate::run::Context;

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let host = match host(context) {
        Ok(host) => host,
        Err(ended) => return ended,
    };
    let sighting = host.look(None).await;
    context.log.line(&sighting.text);
    if let Some(obstacle) = sighting.obstacle {
        return Ended::failed(obstacle, Some(sighting.observation));
    }
    let Some(server) = context.assignment.subtask.server else {
        return Ended::done(Outcome::success());
    };
    let journal = Journal {
        server,
        process: sighting.process,
        launch: sighting.launch,
    };
    let outcome = Outcome {
        result: Ok(()),
        observed: Some(sighting.observation),
    };
    Ended::Done {
        outcome,
        journal: Some(journal),
    }
}
