//! `Prepare stop cluster`: tells the log what the checks before a stop find. No finding forbids a stop, and
//! nothing that goes wrong with a check does.

use super::{Ended, cluster, unless_told_to_stop};
use crate::{checks, run::Context};

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let cluster = match cluster(context).await {
        Ok(cluster) => cluster,
        Err(ended) => return ended,
    };
    let checking = async {
        let findings = checks::preflight(&cluster, context.worker.options()).await;
        for line in checks::lines(&findings) {
            context.log.line(line);
        }
        Ended::seen(None)
    };
    unless_told_to_stop(context, checking).await
}
