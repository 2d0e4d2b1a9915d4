//! Starts: `Start OB cluster` (3Z + 5S + 10 subtasks for Z zones and S servers), `Start OB zone` (4S + 8) and
//! `Start OB server` (9).
//!
//! All servers of a cluster are started in parallel: no SQL works until a majority of them is up.

use super::{Planned, server_scope, zone_scope};
use crate::{
    allow::Subject,
    graph::{Builder, EmptyFanOut},
    kind::SubtaskKind::*,
};

pub(super) fn build(planned: &Planned<'_>, graph: &mut Builder) -> Result<(), EmptyFanOut> {
    let without_sql = !planned.cluster.has_sql();
    let simulated = planned.cluster.is_simulated();
    match planned.subject {
        Subject::Cluster => {
            let zones = || planned.cluster.zones.iter().map(zone_scope);
            graph.single(PrepareStartCluster, true);
            graph.fan_out(PrepareStartObZone, true, zones())?;
            graph.fan_out(PrepareStartObserver, false, planned.servers())?;
            graph.fan_out(StartObserverProcess, false, planned.servers())?;
            graph.single(WaitObserverAccessible, simulated);
            graph.fan_out(StartOcpAgentService, true, planned.servers())?;
            graph.fan_out(StartServer, without_sql, planned.servers())?;
            graph.fan_out(StartZone, without_sql, zones())?;
            graph.fan_out(UpdateObserverStatus, false, planned.servers())?;
            graph.fan_out(UpdateZoneStatus, true, zones())?;
            graph.single(SyncAllTenantInformation, without_sql);
        }
        Subject::Zone(zone) => {
            let scope = || zone_scope(zone);
            graph.single_on(PrepareStartObZone, true, scope());
            graph.fan_out(PrepareStartObserver, false, planned.servers())?;
            graph.fan_out(StartObserverProcess, false, planned.servers())?;
            graph.single_on(WaitObserverActive, simulated, scope());
            graph.fan_out(StartOcpAgentService, true, planned.servers())?;
            graph.fan_out(UpdateObserverStatus, false, planned.servers())?;
            graph.single_on(StartZone, without_sql, scope());
            graph.single_on(UpdateZoneStatus, true, scope());
            graph.single(SyncClusterInfo, without_sql);
        }
        Subject::Server(zone, server) => {
            let scope = || server_scope(zone, server);
            graph.single_on(PrepareStartObserver, false, scope());
            graph.single_on(StartObserverProcess, false, scope());
            graph.single_on(WaitObserverActive, simulated, scope());
            graph.single_on(StartOcpAgentService, true, scope());
            graph.single_on(StartServer, without_sql, scope());
            graph.single_on(UpdateObserverStatus, false, scope());
            graph.single_on(UpdateZoneStatus, true, zone_scope(zone));
            graph.single(SyncClusterInfo, without_sql);
        }
    }
    graph.single(UpdateObClusterStatus, true);
    Ok(())
}
