//! `cluster get`, and how a cluster is shown.

use slacktide_api::v1::{Cluster, Driver, Server, Zone, driver};

use super::super::{
    Connection, Output,
    cluster_ref::ClusterRef,
    places,
    text::{self, Word},
};

pub(super) async fn run(
    connection: &Connection,
    output: &mut Output,
    cluster: &ClusterRef,
) -> anyhow::Result<()> {
    let cluster = cluster.cluster(connection).await?;
    output.message("Cluster", &cluster, text)
}

/// The cluster, and a line for each server.
pub(super) fn text(cluster: &Cluster) -> String {
    let status = match cluster.status_reason.as_str() {
        "" => cluster.status().word().to_owned(),
        reason => format!("{}: {}", cluster.status().word(), text::one_line(reason)),
    };
    let task = match cluster.active_task_id {
        Some(id) => format!("{id} holds the cluster: see `slacktide task get {id}`"),
        None => "-".to_owned(),
    };
    let created = text::time(cluster.create_time.as_ref());
    let updated = text::time(cluster.update_time.as_ref());
    let servers = cluster
        .zones
        .iter()
        .flat_map(|zone| zone.servers.iter().map(|s| row(zone, s)));
    let header = [
        "ZONE",
        "ZONE STATUS",
        "SERVER",
        "RPC PORT",
        "STATUS",
        "STOPPED",
        "DRIVER",
        "REASON",
    ];
    [
        format!("cluster {}  {}  {status}", cluster.id, cluster.name),
        format!("ob_cluster_id  {}", cluster.ob_cluster_id),
        format!("sql user       {}", text::or_dash(&cluster.sql_user)),
        format!(
            "selector       {}",
            text::or_dash(&text::labels(&cluster.selector))
        ),
        format!("task           {task}"),
        format!(
            "registered     {created} by {}",
            text::or_dash(&cluster.creator)
        ),
        format!("changed        {updated}"),
        String::new(),
        text::columns(header, servers.collect()),
    ]
    .join("\n")
}

fn row(zone: &Zone, server: &Server) -> [String; 8] {
    [
        zone.name.clone(),
        zone.status().word().to_owned(),
        places::address(server),
        server.rpc_port.to_string(),
        server.status().word().to_owned(),
        text::time(server.stop_time.as_ref()),
        driver_text(server.driver.as_ref()),
        text::or_dash(&text::one_line(&server.status_reason)),
    ]
}

fn driver_text(driver: Option<&Driver>) -> String {
    match driver.and_then(|driver| driver.kind.as_ref()) {
        Some(driver::Kind::Process(process)) => {
            format!(
                "process {} on {}",
                process.base_dir,
                text::or_dash(&process.executor_host)
            )
        }
        Some(driver::Kind::Simulated(simulated)) => {
            let hang = if simulated.hang { ", hangs" } else { "" };
            let fails = match simulated.fail_stops {
                0 => String::new(),
                times => format!(", fails {times}x"),
            };
            format!("simulated {} ms{fails}{hang}", simulated.stop_ms)
        }
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use slacktide_api::v1::{
        ClusterStatus, ProcessDriver, ServerStatus, SimulatedDriver, ZoneStatus,
    };

    use super::*;

    #[test]
    fn a_cluster_shows_each_server_with_its_status_and_reason() {
        let server = |ip: &str, status: ServerStatus, reason: &str, kind| Server {
            ip: ip.to_owned(),
            sql_port: 2881,
            rpc_port: 2882,
            status: status.into(),
            status_reason: reason.to_owned(),
            driver: Some(Driver { kind: Some(kind) }),
            ..Server::default()
        };
        let process = driver::Kind::Process(ProcessDriver {
            base_dir: "/data/ob1".to_owned(),
            executor_host: "db1".to_owned(),
        });
        let simulated = driver::Kind::Simulated(SimulatedDriver {
            stop_ms: 50,
            fail_stops: 2,
            hang: false,
        });
        let cluster = Cluster {
            id: 3,
            name: "ob_demo".to_owned(),
            ob_cluster_id: 22,
            status: ClusterStatus::Unavailable.into(),
            status_reason: "1 of 2 servers is not stopped".to_owned(),
            active_task_id: Some(42),
            selector: [("rack", "1"), ("dc", "a")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            zones: vec![Zone {
                name: "zone1".to_owned(),
                status: ZoneStatus::Unavailable.into(),
                servers: vec![
                    server(
                        "10.0.0.1",
                        ServerStatus::Unavailable,
                        "no such directory",
                        process,
                    ),
                    server("fe80::1", ServerStatus::Stopped, "", simulated),
                ],
                ..Zone::default()
            }],
            ..Cluster::default()
        };
        let text = text(&cluster);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "cluster 3  ob_demo  UNAVAILABLE: 1 of 2 servers is not stopped"
        );
        assert_eq!(lines[3], "selector       dc=a,rack=1");
        assert!(lines[4].contains("42 holds the cluster"));
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            words(lines[9]),
            "zone1 UNAVAILABLE 10.0.0.1:2881 2882 UNAVAILABLE - process /data/ob1 on db1 no such directory"
        );
        assert_eq!(
            words(lines[10]),
            "zone1 UNAVAILABLE [fe80::1]:2881 2882 STOPPED - simulated 50 ms, fails 2x -"
        );
    }
}
