//! `Stop observer process`: the only destructive kind. Looks first, and signals nobody but the process that
//! was journaled.

use slacktide_engine::commit::{Observation, Outcome};

use super::{Ended, host};
use crate::{driver::StopFailure, run::Context};

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let host = match host(context) {
        Ok(host) => host,
        Err(ended) => return ended,
    };
    match host.stop(context).await {
        Ok(text) => {
            context.log.line(text);
            let observed = Some(Observation::Gone);
            Ended::done(Outcome {
                result: Ok(()),
                observed,
            })
        }
        Err(StopFailure::Lost) => Ended::Lost,
        Err(StopFailure::Canceled) => Ended::Interrupted,
        Err(StopFailure::Failed { reason, observed }) => Ended::failed(reason, Some(observed)),
    }
}
