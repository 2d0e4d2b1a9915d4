//! Servers and zones are taken out of service and back, once, or not at all for a reason.

use slacktide_test_databases::scripted_mysql::Script;

use super::{ACTIVE, TIME, session, v3, v4};
use crate::run_log::RunLog;
use crate::sql::{
    Change, Class, EngineKind, SqlError, report, start_server, start_zone, stop_server, stop_zone,
};

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
        stop_server(&mut running, &server, &log()).await.unwrap(),
        Change::Made
    );
    assert_eq!(
        scripted.received("ALTER SYSTEM"),
        ["ALTER SYSTEM STOP SERVER '127.0.0.1:2882'"]
    );

    let (scripted, server, mut stopped) =
        session(v3("1600000000000001", ACTIVE).ok("START SERVER")).await;
    assert_eq!(
        start_server(&mut stopped, &server, &log()).await.unwrap(),
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
        stop_server(&mut stopped, &server, &log()).await.unwrap(),
        Change::NotNeeded
    );
    assert_eq!(
        stop_zone(&mut stopped, "zone1", &log()).await.unwrap(),
        Change::NotNeeded
    );
    let (running, server, mut session) = session(v4(None, ACTIVE)).await;
    assert_eq!(
        start_server(&mut session, &server, &log()).await.unwrap(),
        Change::NotNeeded
    );
    assert_eq!(
        start_zone(&mut session, "zone1", &log()).await.unwrap(),
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
            stop_zone(&mut session, "zone1", &log()).await.unwrap_err(),
            stop_server(&mut session, &server, &log())
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
        start_zone(&mut session, "zone1", &log()).await.unwrap(),
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
    let error = start_zone(&mut session, "zone1", &log()).await.unwrap_err();
    assert_eq!(error.code(), Some(4633));
}

#[tokio::test]
async fn an_engine_of_one_node_has_nothing_to_stop() {
    let (scripted, server, mut session) = session(Script::new()).await;
    assert_eq!(
        stop_server(&mut session, &server, &log()).await.unwrap(),
        Change::NotSupported
    );
    assert_eq!(
        start_zone(&mut session, "zone1", &log()).await.unwrap(),
        Change::NotSupported
    );
    assert!(scripted.received("ALTER").is_empty());
}

#[tokio::test]
async fn a_server_or_zone_that_the_cluster_does_not_know_is_an_error() {
    let (_scripted, mut server, mut session) = session(v4(None, ACTIVE)).await;
    server.rpc_port = 9999;
    let error = stop_server(&mut session, &server, &log())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no server 127.0.0.1:9999"),
        "{error}"
    );
    let error = stop_zone(&mut session, "zone'9", &log()).await.unwrap_err();
    assert!(error.to_string().contains("no zone zone'9"), "{error}");
}

#[tokio::test]
async fn a_statement_whose_answer_is_lost_may_be_tried_again_after_a_look() {
    let (_scripted, server, mut session) = session(v4(None, ACTIVE).hang_up("STOP SERVER")).await;
    let error = stop_server(&mut session, &server, &log())
        .await
        .unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Transient, None),
        "{error}"
    );
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
