//! `Sync cluster info`, `Sync all tenant information`: tell the log what the cluster says of its servers, its
//! tenants and their leaders. They only report: nothing that is told there, and no server that cannot be asked,
//! undoes what was reached.

use slacktide_engine::kind::SubtaskKind;

use super::{Ended, cluster, unless_told_to_stop};
use crate::{
    run::Context,
    sql::{self, SqlError},
};

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let cluster = match cluster(context).await {
        Ok(cluster) => cluster,
        Err(ended) => return ended,
    };
    let Some(account) = &cluster.sql else {
        context
            .log
            .line("not asked: the cluster has no SQL account");
        return Ended::seen(None);
    };
    let telling = async {
        let servers: Vec<_> = cluster
            .servers()
            .filter(|server| sql::has_port(server))
            .cloned()
            .collect();
        let told = async {
            let mut session = sql::connect_any(&servers, account, sql::Limits::default()).await?;
            context.log.line(format!("{} answers", session.address()));
            match context.assignment.subtask.kind {
                SubtaskKind::SyncAllTenantInformation => sql::report(&mut session).await,
                _ => servers_and_zones(&mut session).await,
            }
        };
        match told.await {
            Ok(lines) => lines.into_iter().for_each(|line| context.log.line(line)),
            Err(error) => context.log.line(format!("not known: {error}")),
        }
        Ended::seen(None)
    };
    unless_told_to_stop(context, telling).await
}

async fn servers_and_zones(session: &mut sql::Session) -> Result<Vec<String>, SqlError> {
    let Some(topology) = session.topology().await? else {
        return Ok(vec!["an engine of one node: no list of servers".to_owned()]);
    };
    let zones = topology
        .zones
        .iter()
        .map(|zone| format!("zone {} is {}", zone.name, zone.status));
    let servers = topology.servers.iter().map(|server| server.to_string());
    Ok(zones.chain(servers).collect())
}
