//! A cluster of one server, and the operations on it.

use slacktide_engine::{
    allow::{Subject, allow},
    cluster::{Cluster, Driver, Server, Zone},
    commit::ServerRow,
    id::{ClusterId, ServerId, SubtaskId, TaskId, UserId, ZoneId},
    plan::{Acceptance, Accepted, Request, plan},
    selector::Selector,
    status::{Goal, ResourceStatus, StopMode},
    task::Creator,
    time::Micros,
};

/// The host of the server and of both executors.
pub(crate) const HOST: &str = "h0";

/// Time does not pass in the model: no promise may rest on it.
pub(crate) const NOW: Micros = Micros(1_700_000_000_000_000);

/// The server's row before any operation.
pub(crate) const SERVER: ServerRow = ServerRow {
    id: ServerId(101),
    zone: ZoneId(11),
    status: ResourceStatus::Running,
};

/// Accepts an operation on the cluster if its status allows that.
pub(crate) fn accept(goal: Goal, status: ResourceStatus, generation: i64) -> Option<Accepted> {
    let cluster = cluster(status, generation);
    allow(&cluster, goal, Subject::Cluster).ok()?;
    let request = Request {
        mode: StopMode::Immediate,
        minor_freeze: Some(false),
        parallel: None,
    };
    let acceptance = Acceptance {
        task: TaskId(generation),
        first_subtask: SubtaskId(generation * 100 + 1),
        creator: Creator {
            id: UserId(100),
            name: "admin".to_owned(),
        },
        executor: HOST.to_owned(),
        traceparent: None,
        time: NOW,
    };
    let plan = plan(&cluster, goal, Subject::Cluster, request).unwrap();
    Some(plan.accept(acceptance))
}

fn cluster(status: ResourceStatus, generation: i64) -> Cluster {
    let server = Server {
        id: SERVER.id,
        ip: "127.0.0.1".to_owned(),
        sql_port: 2881,
        rpc_port: 2882,
        status,
        status_reason: String::new(),
        driver: Driver::Process {
            base_dir: "/data/ob".to_owned(),
            host: HOST.to_owned(),
        },
        stop_time: None,
        update_time: NOW,
    };
    let zone = Zone {
        id: SERVER.zone,
        name: "zone1".to_owned(),
        status,
        servers: vec![server],
    };
    Cluster {
        id: ClusterId(1),
        name: "ob_demo".to_owned(),
        ob_cluster_id: 22,
        status,
        status_reason: String::new(),
        generation,
        active_task: None,
        sql: None,
        selector: Selector::default(),
        zones: vec![zone],
        create_time: NOW,
        update_time: NOW,
        creator: "admin".to_owned(),
    }
}
