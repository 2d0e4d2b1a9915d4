//! Restarts: `Restart OB cluster` (for each zone 9 subtasks and 6 a server, and 4), `Restart OB zone` (5S + 10) and
//! `Restart OB server` (11).
//!
//! A cluster is restarted zone by zone where there are at least three zones, so that a majority always serves;
//! else all zones at once.

use super::{Planned, server_scope, servers_of, zone_scope};
use crate::{
    allow::Subject,
    cluster::Zone,
    graph::{Builder, EmptyFanOut},
    kind::SubtaskKind::{self, *},
};

/// With fewer zones, no majority is left while one of them is down.
const ROLLING_ZONES: usize = 3;

pub(super) fn build(planned: &Planned<'_>, graph: &mut Builder) -> Result<(), EmptyFanOut> {
    let without_sql = !planned.cluster.has_sql();
    match planned.subject {
        Subject::Cluster => {
            let zones = &planned.cluster.zones;
            graph.single(PrepareRestartCluster, true);
            if zones.len() >= ROLLING_ZONES {
                for zone in zones {
                    zone_of_cluster(planned, graph, zone, without_sql)?;
                }
            } else {
                // All zones are down at once, so none is isolated first.
                graph.side_by_side(zones, |graph, zone| {
                    zone_of_cluster(planned, graph, zone, true)
                })?;
            }
            graph.single(SyncClusterInfo, without_sql);
            graph.single(SyncAllTenantInformation, without_sql);
        }
        Subject::Zone(zone) => {
            let scope = || zone_scope(zone);
            graph.single_on(PrepareRestartObZone, true, scope());
            graph.single_on(StopZone, without_sql, scope());
            stop_and_start(planned, graph, zone, WaitObserverActive)?;
            graph.fan_out(UpdateObserverStatus, false, servers_of(zone))?;
            graph.single_on(StartZone, without_sql, scope());
            graph.single_on(UpdateZoneStatus, true, scope());
            graph.single(SyncClusterInfo, without_sql);
        }
        Subject::Server(zone, server) => {
            let scope = || server_scope(zone, server);
            graph.single_on(PrepareRestartObserver, false, scope());
            graph.single_on(StopServer, without_sql, scope());
            graph.single_on(StopObserverProcess, false, scope());
            graph.single_on(StartObserverProcess, false, scope());
            graph.single_on(WaitObserverActive, planned.cluster.is_simulated(), scope());
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

/// One zone's part of a cluster restart.
fn zone_of_cluster(
    planned: &Planned<'_>,
    graph: &mut Builder,
    zone: &Zone,
    without_isolation: bool,
) -> Result<(), EmptyFanOut> {
    let (scope, without_sql) = (|| zone_scope(zone), !planned.cluster.has_sql());
    graph.single_on(SetZoneContext, true, scope());
    graph.single_on(PrepareRestartObZone, without_isolation, scope());
    stop_and_start(planned, graph, zone, WaitObserverAccessible)?;
    graph.fan_out(StartServer, without_sql, servers_of(zone))?;
    graph.fan_out(UpdateObserverStatus, false, servers_of(zone))?;
    graph.single_on(StartZone, without_sql, scope());
    graph.single_on(UpdateZoneStatus, true, scope());
    Ok(())
}

fn stop_and_start(
    planned: &Planned<'_>,
    graph: &mut Builder,
    zone: &Zone,
    wait: SubtaskKind,
) -> Result<(), EmptyFanOut> {
    graph.fan_out(PrepareRestartObserver, false, servers_of(zone))?;
    graph.fan_out(StopObserverProcess, false, servers_of(zone))?;
    graph.fan_out(StartObserverProcess, false, servers_of(zone))?;
    graph.single_on(wait, planned.cluster.is_simulated(), zone_scope(zone));
    graph.fan_out(StartOcpAgentService, true, servers_of(zone))
}
