//! Generated clusters, and what is asked of them.

use proptest::{collection::vec, prelude::*, sample::select};
use slacktide_engine::{
    allow::Subject,
    cluster::{Cluster, Driver, Server, SqlAccount, Zone},
    commit::Claimant,
    id::{ClusterId, ServerId, SubtaskId, TaskId, UserId, ZoneId},
    plan::{Acceptance, Accepted, Request, plan},
    selector::Selector,
    status::{
        Goal,
        ResourceStatus::{Running, Stopped},
        StopMode,
    },
    task::Creator,
    time::Micros,
};

/// The hosts that servers with the `process` driver live on.
pub(crate) const HOSTS: [&str; 3] = ["h0", "h1", "h2"];

/// When every task of these tests is accepted.
pub(crate) const ACCEPTED: Micros = Micros(1_700_000_000_000_000);

pub(crate) const GOALS: [Goal; 3] = [Goal::Stop, Goal::Start, Goal::Restart];

/// The labels of most executors; all that any cluster of these tests asks for.
pub(crate) const LABELS: &str = "dc=a,rack=r1";

/// What of a cluster is worked on, by position.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Cluster,
    Zone(usize),
    Server(usize, usize),
}

/// A cluster and what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    pub(crate) cluster: Cluster,
    pub(crate) goal: Goal,
    pub(crate) part: Part,
    pub(crate) request: Request,
}

impl Topology {
    /// Asks for an operation on a cluster that is as it must be before.
    pub(crate) fn new(mut cluster: Cluster, goal: Goal, part: Part, request: Request) -> Self {
        if goal == Goal::Start {
            stop(&mut cluster, part);
        }
        Self {
            cluster,
            goal,
            part,
            request,
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        let zones = &self.cluster.zones;
        match self.part {
            Part::Cluster => Subject::Cluster,
            Part::Zone(zone) => Subject::Zone(&zones[zone]),
            Part::Server(zone, server) => {
                Subject::Server(&zones[zone], &zones[zone].servers[server])
            }
        }
    }

    /// The servers that the operation works on, each with its zone.
    pub(crate) fn worked_on(&self) -> Vec<(ZoneId, &Server)> {
        match self.subject() {
            Subject::Cluster => self.cluster.zones.iter().flat_map(servers_of).collect(),
            Subject::Zone(zone) => servers_of(zone).collect(),
            Subject::Server(zone, server) => vec![(zone.id, server)],
        }
    }

    /// Plans and accepts: task 7, subtasks 1001, 1002, ....
    pub(crate) fn accept(&self) -> Accepted {
        let plan = plan(&self.cluster, self.goal, self.subject(), self.request).unwrap();
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
}

fn servers_of(zone: &Zone) -> impl Iterator<Item = (ZoneId, &Server)> {
    zone.servers.iter().map(|server| (zone.id, server))
}

/// Everything of the part is down, and what it is in is called as it then is.
fn stop(cluster: &mut Cluster, part: Part) {
    for (z, zone) in cluster.zones.iter_mut().enumerate() {
        for (s, server) in zone.servers.iter_mut().enumerate() {
            let worked_on = match part {
                Part::Cluster => true,
                Part::Zone(of) => of == z,
                Part::Server(of, on) => (of, on) == (z, s),
            };
            if worked_on {
                server.status = Stopped;
            }
        }
        if zone.servers.iter().all(|server| server.status == Stopped) {
            zone.status = Stopped;
        }
    }
    if cluster.servers().all(|server| server.status == Stopped) {
        cluster.status = Stopped;
    }
}

/// Any operation on 1 to 4 zones with 1 to 4 servers each, simulated or on one of [`HOSTS`].
pub(crate) fn any_topology() -> impl Strategy<Value = Topology> {
    let driver = prop_oneof![
        1 => Just(None),
        2 => select(&HOSTS).prop_map(Some),
    ];
    let part = prop_oneof![
        3 => Just(None),
        2 => (any::<prop::sample::Index>(), any::<Option<prop::sample::Index>>()).prop_map(Some),
    ];
    let parallel = prop_oneof![3 => Just(None), 1 => (1..4_u32).prop_map(Some)];
    (
        vec(vec(driver, 1..=4), 1..=4),
        any::<bool>(),
        select(&["", "dc=a"]),
        (select(&GOALS), part),
        (select(StopMode::ALL), any::<Option<bool>>(), parallel),
    )
        .prop_map(|(hosts, has_sql, selector, (goal, part), request)| {
            let mut cluster = on_hosts(&hosts);
            cluster.sql = has_sql.then(account);
            cluster.selector = selector.parse().unwrap();
            let part = match part {
                None => Part::Cluster,
                Some((zone, server)) => {
                    let zone = zone.index(hosts.len());
                    match server {
                        None => Part::Zone(zone),
                        Some(server) => Part::Server(zone, server.index(hosts[zone].len())),
                    }
                }
            };
            let (mode, minor_freeze, parallel) = request;
            let request = Request {
                mode,
                minor_freeze,
                parallel,
            };
            Topology::new(cluster, goal, part, request)
        })
}

/// A RUNNING cluster of servers that are simulated where no host is named.
pub(crate) fn on_hosts(hosts: &[Vec<Option<&str>>]) -> Cluster {
    let mut cluster = simulated(&hosts.iter().map(Vec::len).collect::<Vec<_>>());
    let servers = cluster.zones.iter_mut().flat_map(|zone| &mut zone.servers);
    for (server, host) in servers.zip(hosts.iter().flatten()) {
        if let Some(host) = host {
            server.driver = Driver::Process {
                base_dir: format!("/data/{}", server.id),
                host: (*host).to_owned(),
            };
        }
    }
    cluster
}

/// A RUNNING cluster of processes on [`HOSTS`] in turn, with an account.
pub(crate) fn real(servers_of_zones: &[usize]) -> Cluster {
    let mut hosts = HOSTS.into_iter().cycle();
    let hosts: Vec<_> = servers_of_zones
        .iter()
        .map(|servers| hosts.by_ref().take(*servers).map(Some).collect())
        .collect();
    Cluster {
        sql: Some(account()),
        ..on_hosts(&hosts)
    }
}

pub(crate) fn account() -> SqlAccount {
    SqlAccount {
        user: "root".to_owned(),
        password: "s3cret".to_owned(),
    }
}

/// A RUNNING cluster of simulated servers: zones 11, 12, ..., servers 101, 102, ....
pub(crate) fn simulated(servers_of_zones: &[usize]) -> Cluster {
    let mut server_ids = (101..).map(ServerId);
    let zones = (11..).zip(servers_of_zones).map(|(zone, &servers)| Zone {
        id: ZoneId(zone),
        name: format!("zone{}", zone - 10),
        status: Running,
        servers: server_ids.by_ref().take(servers).map(server).collect(),
    });
    Cluster {
        id: ClusterId(1),
        name: "ob_demo".to_owned(),
        ob_cluster_id: 22,
        status: Running,
        status_reason: String::new(),
        generation: 4,
        active_task: None,
        sql: None,
        selector: Selector::default(),
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
        status: Running,
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

/// An immediate stop without a minor freeze, and without a limit of its own.
pub(crate) const IMMEDIATE: Request = Request {
    mode: StopMode::Immediate,
    minor_freeze: Some(false),
    parallel: None,
};

/// An immediate stop of a cluster of simulated servers.
pub(crate) fn simulated_stop(servers_of_zones: &[usize]) -> Topology {
    let cluster = simulated(servers_of_zones);
    Topology::new(cluster, Goal::Stop, Part::Cluster, IMMEDIATE)
}

/// An executor that has the labels of any cluster.
pub(crate) fn executor(name: &str, host: &str, room: usize) -> Claimant {
    Claimant {
        executor: name.to_owned(),
        host: host.to_owned(),
        labels: LABELS.parse().unwrap(),
        room,
        host_room: room,
    }
}
