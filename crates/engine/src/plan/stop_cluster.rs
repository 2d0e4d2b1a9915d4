//! `Stop OB cluster`: 2Z + 3S + 6 subtasks for Z zones and S servers.
//!
//! No SQL isolation steps: the kernel lets only one zone be stopped at a time, so a whole-cluster stop marks,
//! ends the processes, and marks again (`docs/contract.md`, "The graph").

use std::collections::BTreeMap;

use super::{Plan, task_cluster};
use crate::{
    cluster::Cluster,
    graph::{Builder, EmptyFanOut, Scope},
    kind::SubtaskKind,
    status::{StopMode, TaskKind},
    task::{Context, StopOptions},
};

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopRequest {
    /// How hard servers are stopped.
    pub mode: StopMode,
    /// Whether a minor freeze comes first; unset: for GRACEFUL, where there is an SQL account.
    pub minor_freeze: Option<bool>,
}

/// Plans the stop of a whole cluster.
///
/// # Errors
/// [`EmptyFanOut`] for a cluster without zones or servers.
pub fn stop_cluster(cluster: &Cluster, request: StopRequest) -> Result<Plan, EmptyFanOut> {
    let by_default = request.mode == StopMode::Graceful && cluster.sql.is_some();
    let options = StopOptions {
        mode: request.mode,
        minor_freeze: request.minor_freeze.unwrap_or(by_default),
    };
    let zones = || {
        cluster.zones.iter().map(|zone| Scope {
            zone: Some(zone.id),
            ..Scope::default()
        })
    };
    let servers = || {
        cluster.zones.iter().flat_map(|zone| {
            zone.servers.iter().map(|server| Scope {
                zone: Some(zone.id),
                server: Some(server.id),
                host: server.driver.host().map(str::to_owned),
            })
        })
    };

    let mut graph = Builder::default();
    graph.single(SubtaskKind::PrepareStopCluster, true);
    graph.fan_out(
        SubtaskKind::PrepareStopObZone,
        !options.minor_freeze,
        zones(),
    )?;
    graph.fan_out(SubtaskKind::PrepareStopObserver, false, servers())?;
    graph.fan_out(SubtaskKind::StopObserverProcess, false, servers())?;
    graph.fan_out(SubtaskKind::UpdateObserverStatus, false, servers())?;
    graph.fan_out(SubtaskKind::UpdateZoneStatus, true, zones())?;
    graph.single(SubtaskKind::UpdateObClusterStatus, true);

    Ok(Plan {
        kind: TaskKind::StopCluster,
        cluster: task_cluster(cluster),
        generation: cluster.generation,
        context: context(cluster),
        options,
        graph: graph.build(),
    })
}

/// OCP's context of a cluster stop.
fn context(cluster: &Cluster) -> Context {
    let strings = BTreeMap::from([
        ("cluster_name".to_owned(), cluster.name.clone()),
        ("cluster_id".to_owned(), cluster.id.to_string()),
        (
            "former_cluster_status".to_owned(),
            cluster.status.to_string(),
        ),
    ]);
    let lists = BTreeMap::from([
        (
            "server_ids".to_owned(),
            cluster
                .servers()
                .map(|server| server.id.to_string())
                .collect(),
        ),
        (
            "zone_names".to_owned(),
            cluster.zones.iter().map(|zone| zone.name.clone()).collect(),
        ),
    ]);
    Context { strings, lists }
}
