//! `Wait observer stop`: looks until the server that was stopped is gone.

use std::time::Duration;

use slacktide_engine::commit::Observation;

use super::{Ended, host, unless_told_to_stop};
use crate::run::Context;

const POLL: Duration = Duration::from_millis(500);

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let host = match host(context) {
        Ok(host) => host,
        Err(ended) => return ended,
    };
    let journal = context.assignment.process.as_deref();
    let waiting = async {
        let mut told = String::new();
        loop {
            let sighting = host.look(journal).await;
            if sighting.text != told {
                context.log.line(&sighting.text);
                told = sighting.text;
            }
            if sighting.observation == Observation::Gone {
                return Ended::seen(Some(Observation::Gone));
            }
            tokio::time::sleep(POLL).await;
        }
    };
    unless_told_to_stop(context, waiting).await
}
