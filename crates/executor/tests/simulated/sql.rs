//! Operations on a zone of a cluster that can be asked by SQL: a scripted server answers for it.

use std::{net::TcpListener, time::Duration};

use slacktide_engine::{
    cluster::{Driver, SqlAccount},
    commit::Event,
    kind::SubtaskKind,
    selector::Selector,
    status::{Goal, Operation, ResourceStatus, SubtaskStatus},
};
use slacktide_store::{NewCluster, NewServer, NewZone};
use slacktide_test_databases::scripted_mysql::{Script, ScriptedMysql};

use crate::kit::{Fixture, LIMIT, Of, is, of_kind, on, simulated};

const TIME: &str = "2026-01-01 00:00:00.000000";

/// What a cluster of the 4.x line says of itself, its first zone in this status.
fn cluster(zone: &str) -> Script {
    cluster_after(Script::new(), zone)
}

/// The same at one look; at all later ones its first zone is in service.
fn cluster_once(zone: &str) -> Script {
    let first = Script::new().rows("FROM oceanbase.DBA_OB_ZONES", &[&["zone1", zone]]);
    cluster_after(first.times(1), "ACTIVE")
}

fn cluster_after(script: Script, zone: &str) -> Script {
    let row = |port, zone| {
        [
            Some("127.0.0.1"),
            Some(port),
            Some(zone),
            Some("ACTIVE"),
            None,
            Some(TIME),
            Some("NO"),
        ]
    };
    let servers = [row("20002", "zone1"), row("20004", "zone2")];
    script
        .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
        .rows_with_nulls("FROM oceanbase.DBA_OB_SERVERS", &[&servers[0], &servers[1]])
        .rows(
            "FROM oceanbase.DBA_OB_ZONES",
            &[&["zone1", zone], &["zone2", "ACTIVE"]],
        )
}

/// Registers a cluster whose second zone's server is the scripted one, on a host that nobody here can look at.
async fn register(fixture: &Fixture, first_zone: Vec<Driver>, scripted: &ScriptedMysql) {
    register_with(fixture, first_zone, scripted, None).await;
}

/// The same, with a simulated server on that port beside the scripted one.
async fn register_with(
    fixture: &Fixture,
    first_zone: Vec<Driver>,
    scripted: &ScriptedMysql,
    simulated_port: Option<u16>,
) {
    let server = |driver, sql_port, rpc_port| NewServer {
        ip: "127.0.0.1".to_owned(),
        sql_port,
        rpc_port,
        driver,
    };
    let first = (20_001..).step_by(4).zip(first_zone);
    let first = first.map(|(port, driver)| server(driver, port, port + 1));
    let zone = |name: &str, servers| NewZone {
        name: name.to_owned(),
        servers,
    };
    let elsewhere = on("elsewhere", &fixture.path().join("ob2"));
    let mut second = vec![server(elsewhere, scripted.port(), 20_004)];
    second.extend(simulated_port.map(|port| server(simulated(0, 0, false), port, 20_006)));
    let new = NewCluster {
        name: "ob_demo".to_owned(),
        ob_cluster_id: 22,
        sql: Some(SqlAccount {
            user: "root".to_owned(),
            password: String::new(),
        }),
        selector: Selector::default(),
        zones: vec![zone("zone1", first.collect()), zone("zone2", second)],
        creator: "admin".to_owned(),
    };
    let registered = fixture.store.register(new, None).await;
    registered.expect("the cluster is registered");
}

#[tokio::test]
async fn a_refusal_of_the_kernel_fails_the_stop_of_a_zone_until_it_is_retried() {
    let fixture = Fixture::new().await;
    let refusal = "cannot stop server or stop zone in multiple zones";
    let refusing = cluster("ACTIVE").error("ALTER SYSTEM STOP ZONE", 4660, refusal);
    let scripted = ScriptedMysql::start(refusing).expect("a scripted server");
    register(&fixture, vec![fixture.down("ob1")], &scripted).await;
    let executor = fixture.start("e1", fixture.options()).await;

    let task = fixture.submit(Goal::Stop, Of::FirstZone).await;
    let snapshot = fixture.failed(task).await;
    let stop = of_kind(&snapshot, SubtaskKind::StopZone);
    assert_eq!(stop.state.status, SubtaskStatus::Failed);
    // It would not pass by itself: one run.
    assert_eq!((stop.state.code, stop.state.run_time), (Some(4660), 1));
    let error = stop.state.error.as_deref().expect("a reason");
    assert!(error.contains(refusal), "{error}");

    scripted.play(cluster("ACTIVE").ok("ALTER SYSTEM STOP ZONE"));
    fixture.command(task, Event::RetryTask).await;
    let snapshot = fixture.ended_well(task).await;
    let stop = of_kind(&snapshot, SubtaskKind::StopZone);
    assert_eq!((stop.state.code, stop.state.run_time), (None, 2));
    let sent = scripted.received("ALTER SYSTEM STOP ZONE");
    assert_eq!(sent, ["ALTER SYSTEM STOP ZONE 'zone1'"; 2]);
    let now = fixture.cluster().await;
    assert_eq!(now.zones[0].status, ResourceStatus::Stopped);
    executor.stop().await;
}

#[tokio::test]
async fn a_zone_that_was_isolated_is_taken_back_into_service_by_a_rollback() {
    let fixture = Fixture::new().await;
    let willing = cluster("ACTIVE").ok("ALTER SYSTEM STOP ZONE");
    let scripted = ScriptedMysql::start(willing).expect("a scripted server");
    let first_zone = vec![fixture.down("ob1"), simulated(0, 9, false)];
    register(&fixture, first_zone, &scripted).await;
    let executor = fixture.start("e1", fixture.options()).await;
    let task = fixture.submit(Goal::Stop, Of::FirstZone).await;
    fixture.failed(task).await;
    assert_eq!(scripted.received("ALTER SYSTEM").len(), 1);

    scripted.play(cluster_once("INACTIVE").ok("ALTER SYSTEM START ZONE"));
    fixture.command(task, Event::RollbackTask).await;
    let snapshot = fixture.ended_well(task).await;
    assert_eq!(snapshot.task.state.operation, Operation::Rollback);
    let sent = scripted.received("ALTER SYSTEM START ZONE");
    assert_eq!(sent, ["ALTER SYSTEM START ZONE 'zone1'"]);
    executor.stop().await;
}

/// Waits until this statement was received so often.
async fn received(scripted: &ScriptedMysql, statement: &str, times: usize) {
    let waiting = async {
        while scripted.received(statement).len() < times {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(LIMIT, waiting).await.is_err() {
        panic!("received only {:?}", scripted.received("ALTER SYSTEM"));
    }
}

#[tokio::test]
async fn a_stop_of_a_zone_that_was_canceled_may_come_late_and_is_taken_back() {
    let fixture = Fixture::new().await;
    let trying = cluster("ACTIVE").silence("ALTER SYSTEM STOP ZONE");
    let scripted = ScriptedMysql::start(trying).expect("a scripted server");
    register(&fixture, vec![fixture.down("ob1")], &scripted).await;
    let executor = fixture.start("e1", fixture.options()).await;
    let task = fixture.submit(Goal::Stop, Of::FirstZone).await;
    received(&scripted, "ALTER SYSTEM STOP ZONE", 1).await;
    fixture.command(task, Event::CancelTask).await;
    fixture.failed(task).await;

    // The kernel still tries: the zone is in service when it is to be taken back into it, and out of it later.
    let start = "ALTER SYSTEM START ZONE 'zone1'";
    scripted.play(cluster("ACTIVE").error(start, 4633, "zone status not match"));
    fixture.command(task, Event::RollbackTask).await;
    received(&scripted, start, 1).await;
    scripted.play(cluster("INACTIVE").ok(start));
    received(&scripted, start, 2).await;
    let undoing = is(SubtaskKind::StopZone, SubtaskStatus::Running);
    assert!(
        undoing(&fixture.snapshot(task).await),
        "it goes on watching"
    );
    executor.stop().await;
}

#[tokio::test]
async fn the_address_of_a_simulated_server_is_never_dialled() {
    let fixture = Fixture::new().await;
    let willing = cluster("ACTIVE").ok("ALTER SYSTEM STOP ZONE");
    let scripted = ScriptedMysql::start(willing).expect("a scripted server");
    let stranger = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = stranger.local_addr().expect("its number").port();
    register_with(&fixture, vec![fixture.down("ob1")], &scripted, Some(port)).await;
    let executor = fixture.start("e1", fixture.options()).await;
    fixture.reach(Goal::Stop, Of::FirstZone).await;
    assert_eq!(scripted.received("ALTER SYSTEM STOP ZONE").len(), 1);
    executor.stop().await;
    stranger.set_nonblocking(true).expect("a listener");
    let dialled = stranger.accept();
    assert!(dialled.is_err(), "{dialled:?}");
}

#[tokio::test]
async fn a_start_whose_server_cannot_be_seen_is_not_called_undone() {
    let fixture = Fixture::new().await;
    fixture.register(vec![vec![fixture.down("ob1")]]).await;
    let executor = fixture.start("e1", fixture.options()).await;
    fixture.reach(Goal::Stop, Of::Cluster).await;
    // It has no configuration.
    let task = fixture.submit(Goal::Start, Of::Cluster).await;
    let snapshot = fixture.failed(task).await;
    let start = of_kind(&snapshot, SubtaskKind::StartObserverProcess);
    assert_eq!(start.state.status, SubtaskStatus::Failed);

    let base_dir = fixture.path().join("ob1");
    std::fs::rename(&base_dir, fixture.path().join("unmounted")).expect("it is gone");
    fixture.command(task, Event::RollbackTask).await;
    let snapshot = fixture.failed(task).await;
    let start = of_kind(&snapshot, SubtaskKind::StartObserverProcess);
    let error = start.state.error.as_deref().expect("a reason");
    assert!(error.contains("cannot be told whether"), "{error}");

    std::fs::rename(fixture.path().join("unmounted"), base_dir).expect("it is back");
    fixture.command(task, Event::RollbackTask).await;
    fixture.ended_well(task).await;
    executor.stop().await;
}
