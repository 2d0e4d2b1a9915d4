//! Servers and zones are taken out of service and back, once, or not at all for a reason.

use std::time::Duration;

use slacktide_test_databases::scripted_mysql::Script;

use super::{ACTIVE, TIME, session, v3, v4};
use crate::run_log::RunLog;
use crate::sql::{Change, Class, EngineKind, Part, SqlError, report, restore, start, stop};

fn log() -> RunLog {
    RunLog::new().0
}

#[tokio::test]
async fn the_sort_of_engine_is_found_by_asking() {
    for (script, kind) in [
        (v4(None, ACTIVE), EngineKind::V4),
        (v3("0", ACTIVE), EngineKind::V3),
        (Script::new(), EngineKind::SingleNode),
    ] {
        let (_scripted, _, mut session) = session(script).await;
        assert_eq!(session.kind().await.unwrap(), kind);
    }
}

#[tokio::test]
async fn servers_and_zones_of_both_lines_are_understood() {
    let (_scripted, server, mut current) = session(v4(Some(TIME), ACTIVE)).await;
    let topology = current.topology().await.unwrap().unwrap();
    let state = topology.server(&server).unwrap();
    assert_eq!(state.stopped.as_deref(), Some(TIME));
    assert!(state.in_service && state.root_service);
    assert!(!topology.servers[1].in_service);
    assert!(topology.zone("zone1").unwrap().is_active());

    let (_scripted, server, mut old) = session(v3("0", "INACTIVE")).await;
    let topology = old.topology().await.unwrap().unwrap();
    let state = topology.server(&server).unwrap();
    assert_eq!((state.status.as_str(), &state.stopped), (ACTIVE, &None));
    assert!(!topology.zone("zone1").unwrap().is_active());
}

#[tokio::test]
async fn a_server_is_stopped_and_started_by_its_rpc_address() {
    let (scripted, server, mut running) = session(v4(None, ACTIVE).ok("STOP SERVER")).await;
    assert_eq!(
        stop(&mut running, Part::Server(&server), &log())
            .await
            .unwrap(),
        Change::Made
    );
    assert_eq!(
        scripted.received("ALTER SYSTEM"),
        ["ALTER SYSTEM STOP SERVER '127.0.0.1:2882'"]
    );

    let (scripted, server, mut stopped) =
        session(v3("1600000000000001", ACTIVE).ok("START SERVER")).await;
    assert_eq!(
        start(&mut stopped, Part::Server(&server), &log())
            .await
            .unwrap(),
        Change::Made
    );
    assert_eq!(
        scripted.received("ALTER SYSTEM"),
        ["ALTER SYSTEM START SERVER '127.0.0.1:2882'"]
    );
}

#[tokio::test]
async fn what_is_that_way_already_is_not_asked_for_again() {
    let (scripted, server, mut stopped) = session(v4(Some(TIME), "INACTIVE")).await;
    assert_eq!(
        stop(&mut stopped, Part::Server(&server), &log())
            .await
            .unwrap(),
        Change::NotNeeded
    );
    assert_eq!(
        stop(&mut stopped, Part::Zone("zone1"), &log())
            .await
            .unwrap(),
        Change::NotNeeded
    );
    let (running, server, mut session) = session(v4(None, ACTIVE)).await;
    assert_eq!(
        start(&mut session, Part::Server(&server), &log())
            .await
            .unwrap(),
        Change::NotNeeded
    );
    assert_eq!(
        start(&mut session, Part::Zone("zone1"), &log())
            .await
            .unwrap(),
        Change::NotNeeded
    );
    assert!(scripted.received("ALTER").is_empty() && running.received("ALTER").is_empty());
}

#[tokio::test]
async fn refusals_of_the_kernel_are_passed_on_with_number_text_and_advice() {
    for (code, text) in [
        (4660, "cannot stop server or stop zone in multiple zones"),
        (
            4179,
            "Tenant(1002) LS(1001) has no enough valid paxos member after stop zone",
        ),
    ] {
        let (_scripted, server, mut session) =
            session(v4(None, ACTIVE).error("ALTER SYSTEM STOP", code, text)).await;
        for error in [
            stop(&mut session, Part::Zone("zone1"), &log())
                .await
                .unwrap_err(),
            stop(&mut session, Part::Server(&server), &log())
                .await
                .unwrap_err(),
        ] {
            assert!(matches!(error, SqlError::Refused { .. }), "{error}");
            assert_eq!(
                (error.code(), error.class()),
                (Some(i32::from(code)), Class::Permanent)
            );
            assert!(
                error.to_string().contains(text) && error.to_string().contains("then retry"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_zone_that_somebody_else_started_just_now_is_started() {
    let script = Script::new()
        .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
        .rows("FROM oceanbase.DBA_OB_SERVERS", &[])
        .rows("FROM oceanbase.DBA_OB_ZONES", &[&["zone1", "INACTIVE"]])
        .times(1)
        .rows("FROM oceanbase.DBA_OB_ZONES", &[&["zone1", ACTIVE]])
        .error("START ZONE", 4633, "zone status not match");
    let (scripted, _, mut session) = session(script).await;
    assert_eq!(
        start(&mut session, Part::Zone("zone1"), &log())
            .await
            .unwrap(),
        Change::NotNeeded
    );
    assert_eq!(
        scripted.received("ALTER"),
        ["ALTER SYSTEM START ZONE 'zone1'"]
    );
}

#[tokio::test]
async fn a_zone_that_stays_in_the_wrong_status_is_refused() {
    let script = v4(None, "INACTIVE").error("START ZONE", 4633, "zone status not match");
    let (_scripted, _, mut session) = session(script).await;
    let error = start(&mut session, Part::Zone("zone1"), &log())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(4633));
}

#[tokio::test]
async fn an_engine_of_one_node_has_nothing_to_stop() {
    let (scripted, server, mut session) = session(Script::new()).await;
    assert_eq!(
        stop(&mut session, Part::Server(&server), &log())
            .await
            .unwrap(),
        Change::NotSupported
    );
    assert_eq!(
        start(&mut session, Part::Zone("zone1"), &log())
            .await
            .unwrap(),
        Change::NotSupported
    );
    assert!(scripted.received("ALTER").is_empty());
}

#[tokio::test]
async fn a_server_or_zone_that_the_cluster_does_not_know_is_an_error() {
    let (_scripted, mut server, mut session) = session(v4(None, ACTIVE)).await;
    server.rpc_port = 9999;
    let error = stop(&mut session, Part::Server(&server), &log())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no server 127.0.0.1:9999"),
        "{error}"
    );
    let error = stop(&mut session, Part::Zone("zone'9"), &log())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no zone zone'9"), "{error}");
}

#[tokio::test]
async fn a_statement_whose_answer_is_lost_may_be_tried_again_after_a_look() {
    let (_scripted, server, mut session) = session(v4(None, ACTIVE).hang_up("STOP SERVER")).await;
    let error = stop(&mut session, Part::Server(&server), &log())
        .await
        .unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Transient, None),
        "{error}"
    );
}

/// A cluster whose one zone has one status after the other at each look, the last one for ever.
fn zone_that_is(statuses: &[&str]) -> Script {
    let lists = Script::new()
        .rows("SELECT 1 FROM oceanbase.DBA_OB_SERVERS", &[&["1"]])
        .rows("FROM oceanbase.DBA_OB_SERVERS", &[]);
    let (last, first) = statuses.split_last().unwrap();
    let first = first.iter().fold(lists, |script, status| {
        let zones = script.rows("FROM oceanbase.DBA_OB_ZONES", &[&["zone1", status]]);
        zones.times(1)
    });
    first.rows("FROM oceanbase.DBA_OB_ZONES", &[&["zone1", last]])
}

const INACTIVE: &str = "INACTIVE";
const ZONE: Part<'_> = Part::Zone("zone1");

#[tokio::test]
async fn what_is_restored_is_started_though_it_looks_as_if_it_served() {
    let script = zone_that_is(&[ACTIVE]).error("START ZONE", 4633, "zone status not match");
    let (scripted, server, mut session) = session(script.ok("START SERVER")).await;
    let change = restore(&mut session, ZONE, Duration::ZERO, &log()).await;
    assert_eq!(change.unwrap(), Change::NotNeeded);
    assert_eq!(
        scripted.received("ALTER"),
        ["ALTER SYSTEM START ZONE 'zone1'"]
    );

    scripted.play(v4(None, ACTIVE).ok("START SERVER"));
    let part = Part::Server(&server);
    let change = restore(&mut session, part, Duration::ZERO, &log()).await;
    assert_eq!(change.unwrap(), Change::NotNeeded);
    assert_eq!(
        scripted.received("START SERVER"),
        ["ALTER SYSTEM START SERVER '127.0.0.1:2882'"]
    );
}

#[tokio::test]
async fn a_stop_that_takes_effect_late_is_taken_back() {
    let statuses = [ACTIVE, ACTIVE, ACTIVE, INACTIVE, ACTIVE];
    let script = zone_that_is(&statuses)
        .error("START ZONE", 4633, "zone status not match")
        .times(1)
        .ok("START ZONE");
    let (scripted, _, mut session) = session(script).await;
    let late = Duration::from_secs(3);
    let change = restore(&mut session, ZONE, late, &log()).await;
    assert_eq!(change.unwrap(), Change::Made);
    assert_eq!(
        scripted.received("ALTER"),
        ["ALTER SYSTEM START ZONE 'zone1'"; 2]
    );
}

#[tokio::test]
async fn what_is_restored_has_been_seen_in_service_after_it_was_started() {
    let script = zone_that_is(&[INACTIVE, INACTIVE, ACTIVE]).ok("START ZONE");
    let (scripted, _, mut session) = session(script).await;
    let change = restore(&mut session, ZONE, Duration::ZERO, &log()).await;
    assert_eq!(change.unwrap(), Change::Made);
    assert_eq!(scripted.received("ALTER").len(), 2);
}

#[tokio::test]
async fn tenants_and_leaders_are_told_and_what_is_lacking_is_said() {
    let script = v4(None, ACTIVE)
        .rows(
            "DBA_OB_TENANTS",
            &[&["sys", "NORMAL"], &["shop", "RESTORE"]],
        )
        .rows("HAVING", &[&["1002", "1001"]])
        .rows("GV$OB_LOG_STAT", &[&["127.0.0.1", "2882", "7"]]);
    let (_scripted, _, mut current) = session(script).await;
    let lines = report(&mut current).await.unwrap();
    assert_eq!(
        lines,
        [
            "tenants: sys NORMAL, shop RESTORE",
            "leaders: 127.0.0.1:2882:7",
            "log streams without a leader: 1002/1001",
        ]
    );
    let (_scripted, _, mut old) = session(v3("0", ACTIVE)).await;
    let lines = report(&mut old).await.unwrap();
    assert!(
        lines.iter().all(|line| line.contains("not known")),
        "{lines:?}"
    );
}
