//! Which answers mean "not yet", and which mean "never".

use std::time::Duration;

use slacktide_test_databases::scripted_mysql::{Greeting, Script, ScriptedMysql};
use tokio::{net::TcpListener, sync::Semaphore};

use super::{account, server};
use crate::run_log::RunLog;
use crate::sql::accessible::accessible;
use crate::sql::{
    Class, Limits, MOST_SESSIONS, SqlError, connect, connect_any, greeting, minor_freezes,
    wait_accessible,
};

const SHORT: Limits = Limits {
    connect: Duration::from_millis(100),
    statement: Duration::from_millis(100),
};

fn start(script: Script) -> ScriptedMysql {
    ScriptedMysql::start(script).unwrap()
}

fn closed_port() -> u16 {
    start(Script::new()).port()
}

#[tokio::test]
async fn a_server_that_greets_and_answers_is_accessible_with_and_without_an_account() {
    let scripted = start(Script::new());
    accessible(&server(scripted.port()), Some(&account()))
        .await
        .unwrap();
    assert_eq!(scripted.received("SELECT 1").len(), 1);
    accessible(&server(scripted.port()), None).await.unwrap();
    assert_eq!(
        scripted.received("SELECT 1").len(),
        1,
        "without an account the greeting counts"
    );
}

#[tokio::test]
async fn a_halted_server_is_not_waited_for_for_ever() {
    let scripted = start(Script::new().greeting(Greeting::Silence, 9));
    let error = connect(&server(scripted.port()), &account(), SHORT)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, SqlError::Timeout { .. }), "{error}");
    assert_eq!(error.class(), Class::Transient);
    let error = greeting("127.0.0.1", scripted.port(), SHORT.connect)
        .await
        .unwrap_err();
    assert!(matches!(error, SqlError::Timeout { .. }), "{error}");

    scripted.play(Script::new().silence("SELECT 2"));
    let mut session = connect(&server(scripted.port()), &account(), SHORT)
        .await
        .unwrap();
    let error = session.rows("SELECT 2").await.unwrap_err();
    assert!(matches!(error, SqlError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn nobody_on_the_port_is_not_yet() {
    let error = accessible(&server(closed_port()), Some(&account()))
        .await
        .unwrap_err();
    assert!(matches!(error, SqlError::Unreachable { .. }), "{error}");
    assert_eq!(error.class(), Class::Transient);
}

#[tokio::test]
async fn a_server_on_its_way_up_is_not_yet() {
    for code in [8001, 1049, 4012] {
        let scripted = start(Script::new().error("SELECT 1", code, "not now"));
        let error = accessible(&server(scripted.port()), Some(&account()))
            .await
            .unwrap_err();
        assert_eq!(
            (error.class(), error.code()),
            (Class::Transient, Some(i32::from(code)))
        );
    }
    let text = "Server is initializing".to_owned();
    let scripted = start(Script::new().greeting(Greeting::Error { code: 8001, text }, 1));
    let error = accessible(&server(scripted.port()), None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, SqlError::NotYet { code: 8001, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_refused_account_is_permanent_and_says_what_to_do() {
    let scripted = start(Script::new().deny("root"));
    let mut account = account();
    account.password = "secret".to_owned();
    let error = accessible(&server(scripted.port()), Some(&account))
        .await
        .unwrap_err();
    assert_eq!(
        (error.class(), error.code()),
        (Class::Permanent, Some(1045))
    );
    let text = error.to_string();
    assert!(
        text.contains("correct user and password") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test]
async fn statements_that_an_engine_lacks_are_told_from_others() {
    let scripted = start(
        Script::new()
            .error("A", 1064, "syntax")
            .error("B", 1054, "column")
            .error("C", 1142, "denied"),
    );
    let mut session = connect(&server(scripted.port()), &account(), SHORT)
        .await
        .unwrap();
    for statement in ["A", "B", "D"] {
        let error = session.execute(statement).await.unwrap_err();
        assert!(matches!(error, SqlError::NotSupported { .. }), "{error}");
    }
    let error = session.execute("C").await.unwrap_err();
    assert!(
        matches!(error, SqlError::Other { .. }) && error.class() == Class::Permanent,
        "{error}"
    );
}

#[tokio::test]
async fn waiting_goes_on_through_not_yet_and_ends_with_never() {
    let text = "Server is initializing";
    let scripted = start(
        Script::new()
            .greeting(
                Greeting::Error {
                    code: 8001,
                    text: text.to_owned(),
                },
                1,
            )
            .error("SELECT 1", 1049, "Unknown database 'oceanbase'")
            .times(1),
    );
    let (log, mut lines) = RunLog::new();
    let asking = Semaphore::new(1);
    wait_accessible(&server(scripted.port()), Some(&account()), &asking, &log)
        .await
        .unwrap();
    assert!(lines.recv().await.unwrap().contains(text));
    assert!(lines.recv().await.unwrap().contains("1049"));

    scripted.play(Script::new().deny("root"));
    let error = wait_accessible(&server(scripted.port()), Some(&account()), &asking, &log)
        .await
        .unwrap_err();
    assert!(matches!(error, SqlError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn a_session_is_opened_where_one_can_be_had() {
    let [halted, fine] = [Script::new().greeting(Greeting::Silence, 9), Script::new()].map(start);
    let servers = [closed_port(), halted.port(), fine.port()].map(server);
    let session = connect_any(&servers, &account(), SHORT).await.unwrap();
    assert_eq!(session.address(), format!("127.0.0.1:{}", fine.port()));
    assert!(connect_any(&servers[..2], &account(), SHORT).await.is_err());
    assert!(connect_any(&[], &account(), SHORT).await.is_err());
}

#[tokio::test]
async fn a_freeze_is_of_one_server_and_waits_for_its_checkpoint() {
    let scripted = start(
        Script::new()
            .rows(
                "WHERE svr_ip = '127.0.0.1' AND svr_port = 2882",
                &[&["100"]],
            )
            .times(2)
            .rows("WHERE svr_ip", &[&["101"]])
            .ok("MINOR FREEZE SERVER = ('127.0.0.1:2882')"),
    );
    let (log, mut lines) = RunLog::new();
    minor_freezes(
        &[server(scripted.port())],
        &account(),
        Duration::from_secs(20),
        &log,
    )
    .await;
    drop(log);
    let mut all = Vec::new();
    while let Some(line) = lines.recv().await {
        all.push(line);
    }
    assert!(
        all.last().unwrap().contains("minor freeze passed"),
        "{all:?}"
    );
}

#[tokio::test]
async fn a_freeze_of_an_engine_of_one_node_is_of_all_of_it() {
    let scripted = start(
        Script::new()
            .rows_with_nulls("WHERE svr_ip", &[&[None]])
            .rows("MIN(checkpoint_scn)", &[&["7"]])
            .times(1)
            .rows("MIN(checkpoint_scn)", &[&["8"]])
            .error("FREEZE SERVER", 1064, "syntax")
            .ok("MINOR FREEZE"),
    );
    let log = RunLog::new().0;
    minor_freezes(
        &[server(scripted.port())],
        &account(),
        Duration::from_secs(20),
        &log,
    )
    .await;
    assert_eq!(
        scripted.received("ALTER").last().unwrap(),
        "ALTER SYSTEM MINOR FREEZE"
    );
}

/// Takes `total` connections and returns how many were open at a time. It lets go of them once no more come.
async fn most_at_once(listener: TcpListener, total: usize) -> usize {
    const NO_MORE_COME: Duration = Duration::from_millis(200);
    let (mut open, mut taken, mut most) = (Vec::new(), 0, 0);
    while taken < total || !open.is_empty() {
        match tokio::time::timeout(NO_MORE_COME, listener.accept()).await {
            Ok(accepted) => {
                open.push(accepted.unwrap());
                taken += 1;
                most = most.max(open.len());
            }
            Err(_) => open.clear(),
        }
    }
    most
}

#[tokio::test]
async fn of_a_large_cluster_a_bounded_number_of_servers_is_frozen_at_a_time() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let servers = vec![server(listener.local_addr().unwrap().port()); MOST_SESSIONS + 9];
    let (account, log) = (account(), RunLog::new().0);
    let freezing = minor_freezes(&servers, &account, Duration::from_secs(20), &log);
    let (most, ()) = tokio::join!(most_at_once(listener, servers.len()), freezing);
    assert_eq!(most, MOST_SESSIONS);
}

#[tokio::test]
async fn a_freeze_whose_time_is_over_is_skipped_and_no_server_is_asked() {
    let scripted = start(Script::new());
    let (log, mut lines) = RunLog::new();
    let servers = [server(scripted.port())];
    minor_freezes(&servers, &account(), Duration::ZERO, &log).await;
    assert!(
        lines
            .recv()
            .await
            .unwrap()
            .contains("time for freezes is over")
    );
    assert!(scripted.statements().is_empty());
}

#[tokio::test]
async fn of_a_large_cluster_a_bounded_number_of_servers_is_waited_for_at_a_time() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let servers = vec![server(listener.local_addr().unwrap().port()); MOST_SESSIONS + 9];
    let (asking, log) = (Semaphore::new(MOST_SESSIONS), RunLog::new().0);
    let waiting = servers
        .iter()
        .map(|server| wait_accessible(server, None, &asking, &log));
    tokio::select! {
        _ = futures::future::join_all(waiting) => unreachable!("nobody greets"),
        most = most_at_once(listener, servers.len()) => assert_eq!(most, MOST_SESSIONS),
    }
}
