//! `Prepare stop cluster`: tells the log what the checks before a stop find. No finding forbids a stop, and
//! nothing that goes wrong with a check does.

use std::time::Duration;

use slacktide_engine::status::StopMode;

use super::{Ended, cluster, unless_told_to_stop};
use crate::{checks, run::Context};

/// Whoever wants a cluster down at once does not wait for servers that hang: those that are well have answered
/// within a fraction of it.
const IMMEDIATE_LIMIT: Duration = Duration::from_secs(1);

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let cluster = match cluster(context).await {
        Ok(cluster) => cluster,
        Err(ended) => return ended,
    };
    let limit = match context.assignment.task.options.mode {
        StopMode::Graceful => checks::LIMIT,
        StopMode::Immediate => IMMEDIATE_LIMIT,
    };
    let checking = async {
        let options = context.worker.options();
        let findings = checks::preflight_within(limit, &cluster, options).await;
        for line in checks::lines(&findings) {
            context.log.line(line);
        }
        Ended::seen(None)
    };
    unless_told_to_stop(context, checking).await
}
