//! `Update observer status`: looks again. STOPPED is written only from this look.

use slacktide_engine::commit::{Observation, Outcome};

use super::{Ended, host};
use crate::run::Context;

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let host = match host(context) {
        Ok(host) => host,
        Err(ended) => return ended,
    };
    let sighting = host.look(context.assignment.process.as_deref()).await;
    context.log.line(&sighting.text);
    let observed = Some(sighting.observation);
    match sighting.observation {
        Observation::Gone => Ended::done(Outcome {
            result: Ok(()),
            observed,
        }),
        Observation::Alive => Ended::failed(
            format!(
                "the server runs again: {}; see what restarts it",
                sighting.text
            ),
            observed,
        ),
        Observation::Unknown => Ended::failed(
            format!(
                "it cannot be told whether the server is stopped: {}",
                sighting.text
            ),
            observed,
        ),
    }
}
