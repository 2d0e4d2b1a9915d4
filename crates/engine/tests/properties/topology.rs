//! Generated clusters.

use proptest::{collection::vec, prelude::*};
use slacktide_engine::{
    cluster::{Cluster, Driver, Server, SqlAccount, Zone},
    id::{ClusterId, ServerId, SubtaskId, TaskId, UserId, ZoneId},
    plan::{Acceptance, Accepted, StopRequest, stop_cluster},
    status::{ResourceStatus, StopMode},
    task::Creator,
    time::Micros,
};

/// The hosts that servers with the `process` driver live on.
pub(crate) const HOSTS: [&str; 3] = ["h0", "h1", "h2"];

/// When every task of these tests is accepted.
pub(crate) const ACCEPTED: Micros = Micros(1_700_000_000_000_000);

/// A cluster and what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    pub(crate) cluster: Cluster,
    pub(crate) request: StopRequest,
}

impl Topology {
    pub(crate) fn accept(&self) -> Accepted {
        accept(&self.cluster, self.request)
    }
}

/// 1 to 5 zones with 1 to 6 servers each, simulated or on one of [`HOSTS`].
pub(crate) fn any_topology() -> impl Strategy<Value = Topology> {
    let driver = prop_oneof![
        1 => Just(None),
        2 => proptest::sample::select(&HOSTS).prop_map(Some),
    ];
    let mode = proptest::sample::select(StopMode::ALL);
    (
        vec(vec(driver, 1..=6), 1..=5),
        any::<bool>(),
        mode,
        any::<Option<bool>>(),
    )
        .prop_map(|(zones, has_sql, mode, minor_freeze)| {
            let mut cluster = simulated(&zones.iter().map(Vec::len).collect::<Vec<_>>());
            let hosts = zones.into_iter().flatten();
            let servers = cluster.zones.iter_mut().flat_map(|zone| &mut zone.servers);
            for (server, host) in servers.zip(hosts) {
                if let Some(host) = host {
                    server.driver = Driver::Process {
                        base_dir: format!("/data/{}", server.id),
                        host: host.to_owned(),
                    };
                }
            }
            cluster.sql = has_sql.then(|| SqlAccount {
                user: "root".to_owned(),
                password: String::new(),
            });
            Topology {
                cluster,
                request: StopRequest { mode, minor_freeze },
            }
        })
}

/// A RUNNING cluster of simulated servers: zones 11, 12, ..., servers 101, 102, ....
pub(crate) fn simulated(servers_of_zones: &[usize]) -> Cluster {
    let mut server_ids = (101..).map(ServerId);
    let zones = (11..).zip(servers_of_zones).map(|(zone, &servers)| Zone {
        id: ZoneId(zone),
        name: format!("zone{}", zone - 10),
        status: ResourceStatus::Running,
        servers: server_ids.by_ref().take(servers).map(server).collect(),
    });
    Cluster {
        id: ClusterId(1),
        name: "ob_demo".to_owned(),
        ob_cluster_id: 22,
        status: ResourceStatus::Running,
        status_reason: String::new(),
        generation: 4,
        active_task: None,
        sql: None,
        zones: zones.collect(),
        create_time: ACCEPTED,
        update_time: ACCEPTED,
        creator: "admin".to_owned(),
    }
}

fn server(id: ServerId) -> Server {
    Server {
        id,
        ip: "127.0.0.1".to_owned(),
        sql_port: 2881,
        rpc_port: 2882,
        status: ResourceStatus::Running,
        status_reason: String::new(),
        driver: Driver::Simulated {
            stop_ms: 0,
            fail_stops: 0,
            hang: false,
        },
        stop_time: None,
        update_time: ACCEPTED,
    }
}

/// An immediate stop without a minor freeze.
pub(crate) const IMMEDIATE: StopRequest = StopRequest {
    mode: StopMode::Immediate,
    minor_freeze: Some(false),
};

/// Plans and accepts a stop: task 7, subtasks 1001, 1002, ....
pub(crate) fn accept(cluster: &Cluster, request: StopRequest) -> Accepted {
    let plan = stop_cluster(cluster, request).unwrap();
    plan.accept(Acceptance {
        task: TaskId(7),
        first_subtask: SubtaskId(1001),
        creator: Creator {
            id: UserId(100),
            name: "admin".to_owned(),
        },
        executor: "front".to_owned(),
        traceparent: None,
        time: ACCEPTED,
    })
}
