//! Operations on a zone of a cluster that can be asked by SQL: a scripted server answers for it.

use slacktide_engine::{
    cluster::{Driver, SqlAccount},
    commit::Event,
    kind::SubtaskKind,
    selector::Selector,
    status::{Goal, Operation, ResourceStatus, SubtaskStatus},
};
use slacktide_store::{NewCluster, NewServer, NewZone};
use slacktide_test_databases::scripted_mysql::{Script, ScriptedMysql};

use crate::kit::{Fixture, Of, of_kind, simulated};

const TIME: &str = "2026-01-01 00:00:00.000000";

/// What a cluster of the 4.x line says of itself, its first zone in this status.
fn cluster(zone: &str) -> Script {
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
    Script::new()
        .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
        .rows_with_nulls("FROM oceanbase.DBA_OB_SERVERS", &[&servers[0], &servers[1]])
        .rows(
            "FROM oceanbase.DBA_OB_ZONES",
            &[&["zone1", zone], &["zone2", "ACTIVE"]],
        )
}

/// Registers a cluster whose second zone's server is the scripted one.
async fn register(fixture: &Fixture, first_zone: Vec<Driver>, scripted: &ScriptedMysql) {
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
    let second = server(simulated(0, 0, false), scripted.port(), 20_004);
    let new = NewCluster {
        name: "ob_demo".to_owned(),
        ob_cluster_id: 22,
        sql: Some(SqlAccount {
            user: "root".to_owned(),
            password: String::new(),
        }),
        selector: Selector::default(),
        zones: vec![zone("zone1", first.collect()), zone("zone2", vec![second])],
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

    scripted.play(cluster("INACTIVE").ok("ALTER SYSTEM START ZONE"));
    fixture.command(task, Event::RollbackTask).await;
    let snapshot = fixture.ended_well(task).await;
    assert_eq!(snapshot.task.state.operation, Operation::Rollback);
    let sent = scripted.received("ALTER SYSTEM START ZONE");
    assert_eq!(sent, ["ALTER SYSTEM START ZONE 'zone1'"]);
    executor.stop().await;
}
