//! What cases register.

use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};

use slacktide_api::v1::driver::Kind;
use slacktide_api::v1::{
    ClusterSpec, Driver, ProcessDriver, ServerSpec, SimulatedDriver, SqlAccount, ZoneSpec,
};

/// A cluster with one zone for each item of `zones`: `zone1`, `zone2` and so on. With an SQL account if
/// every server is a process: the database engine of the tests lets root in without a password.
#[must_use]
pub fn cluster(name: &str, zones: Vec<Vec<ServerSpec>>) -> ClusterSpec {
    let is_process = |server: &ServerSpec| {
        matches!(
            &server.driver,
            Some(Driver {
                kind: Some(Kind::Process(_))
            })
        )
    };
    let sql = zones.iter().flatten().all(is_process).then(|| SqlAccount {
        user: "root".to_owned(),
        password: String::new(),
    });
    let zones = zones
        .into_iter()
        .zip(1..)
        .map(|(servers, number)| ZoneSpec {
            name: format!("zone{number}"),
            servers,
        })
        .collect();
    ClusterSpec {
        name: name.to_owned(),
        ob_cluster_id: 22,
        sql,
        zones,
        ..ClusterSpec::default()
    }
}

/// A server that is a process with `base_dir` on this machine.
#[must_use]
pub fn process_server(sql_port: u16, base_dir: &Path) -> ServerSpec {
    let kind = Kind::Process(ProcessDriver {
        base_dir: base_dir.display().to_string(),
        executor_host: String::new(),
    });
    server(i32::from(sql_port), kind)
}

/// A cluster of simulated servers, one in each of `zones` zones. No two of one test program share a port.
#[must_use]
pub fn simulated_cluster(name: &str, zones: usize, behaviour: SimulatedDriver) -> ClusterSpec {
    let zone = |_| vec![simulated_server(behaviour)];
    cluster(name, (0..zones).map(zone).collect())
}

/// A simulated server with an address that no other of this test program has.
#[must_use]
pub fn simulated_server(behaviour: SimulatedDriver) -> ServerSpec {
    static NEXT: AtomicI32 = AtomicI32::new(0);
    const PORTS: i32 = 20_000;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    ServerSpec {
        ip: format!("127.0.{}.1", number / PORTS),
        ..server(2001 + 2 * (number % PORTS), Kind::Simulated(behaviour))
    }
}

/// A simulated server that takes `stop_ms` milliseconds to end, and does so at the first attempt.
#[must_use]
pub fn simulated_driver(stop_ms: i64) -> SimulatedDriver {
    SimulatedDriver {
        stop_ms,
        ..Default::default()
    }
}

fn server(sql_port: i32, kind: Kind) -> ServerSpec {
    ServerSpec {
        ip: "127.0.0.1".to_owned(),
        sql_port,
        rpc_port: sql_port + 1,
        driver: Some(Driver { kind: Some(kind) }),
    }
}
