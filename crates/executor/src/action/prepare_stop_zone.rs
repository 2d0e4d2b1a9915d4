//! `Prepare stop OB zone`, where a minor freeze was asked for: a longer stop, a shorter recovery.
//!
//! A freeze makes the next start faster and nothing safer, so nothing that goes wrong with it keeps a cluster
//! from being stopped: it is skipped, and the log says why.

use slacktide_engine::cluster::Server;

use super::{Ended, unless_told_to_stop};
use crate::{run::Context, sql};

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let Some(account) = &context.assignment.sql else {
        context
            .log
            .line("minor freeze skipped: the cluster has no SQL account");
        return Ended::seen(None);
    };
    let limit = context.worker.options().freeze_limit;
    let servers = context.assignment.servers.iter();
    let servers: Vec<Server> = servers
        .filter(|server| sql::has_port(server))
        .cloned()
        .collect();
    let freezing = async {
        sql::minor_freezes(&servers, account, limit, context.log).await;
        Ended::seen(None)
    };
    unless_told_to_stop(context, freezing).await
}
