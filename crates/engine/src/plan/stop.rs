//! Stops: `Stop OB cluster` (2Z + 3S + 6 subtasks for Z zones and S servers), `Stop OB zone` (3S + 7) and `Stop OB
//! server` (8).
//!
//! A cluster stop has no SQL isolation steps: the kernel lets only one zone be stopped at a time, so it marks,
//! ends the processes, and marks again (`docs/contract.md`, "The graph").

use super::{Planned, server_scope, zone_scope};
use crate::{
    allow::Subject,
    graph::{Builder, EmptyFanOut},
    kind::SubtaskKind::*,
};

pub(super) fn build(planned: &Planned<'_>, graph: &mut Builder) -> Result<(), EmptyFanOut> {
    let without_sql = !planned.cluster.has_sql();
    let without_freeze = !planned.options.minor_freeze;
    match planned.subject {
        Subject::Cluster => {
            let zones = || planned.cluster.zones.iter().map(zone_scope);
            // Its checks ask hosts and SQL; where nothing is real, there is nothing to ask.
            graph.single(PrepareStopCluster, planned.cluster.is_simulated());
            graph.fan_out(PrepareStopObZone, without_freeze, zones())?;
            graph.fan_out(PrepareStopObserver, false, planned.servers())?;
            graph.fan_out(StopObserverProcess, false, planned.servers())?;
            graph.fan_out(UpdateObserverStatus, false, planned.servers())?;
            graph.fan_out(UpdateZoneStatus, true, zones())?;
        }
        Subject::Zone(zone) => {
            let scope = || zone_scope(zone);
            graph.single_on(PrepareStopObZone, without_freeze, scope());
            graph.single_on(StopZone, without_sql, scope());
            graph.fan_out(PrepareStopObserver, false, planned.servers())?;
            graph.fan_out(StopObserverProcess, false, planned.servers())?;
            graph.fan_out(UpdateObserverStatus, false, planned.servers())?;
            graph.single_on(UpdateZoneStatus, true, scope());
            graph.single(SyncClusterInfo, without_sql);
        }
        Subject::Server(zone, server) => {
            let scope = || server_scope(zone, server);
            graph.single_on(PrepareStopObserver, false, scope());
            graph.single_on(StopServer, without_sql, scope());
            graph.single_on(StopObserverProcess, false, scope());
            graph.single_on(WaitObserverStop, false, scope());
            graph.single_on(UpdateObserverStatus, false, scope());
            graph.single_on(UpdateZoneStatus, true, zone_scope(zone));
            graph.single(SyncClusterInfo, without_sql);
        }
    }
    graph.single(UpdateObClusterStatus, true);
    Ok(())
}
