//! Which process a stop signals, with what, how often; and what it refuses to signal.

use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal as Number;
use slacktide_engine::fence::Fence;

use super::fake::{Host, StopCase};
use crate::driver::process::{FenceError, Signal, StopError};
use crate::run_log::RunLog;

const TIMELY: Duration = Duration::from_secs(20);

async fn stop_of_running(host: &Host) -> StopCase {
    host.stop(Some(host.found().await.identity))
}

#[tokio::test]
async fn an_orderly_stop_sends_one_signal_and_leaves_the_pid_file() {
    let host = Host::new();
    let mut server = host.start(&[
        "--listen",
        &host.sql_port.to_string(),
        "--listen",
        &host.rpc_port.to_string(),
    ]);
    let mut stop = stop_of_running(&host).await;
    let stopped = stop.run().await.unwrap();
    assert_eq!(
        (stopped.already_gone, stopped.last_signal),
        (false, Some(Signal::Usr1))
    );
    assert!(!server.is_alive());
    assert_eq!(host.signals(), ["SIGUSR1"]);
    assert!(
        stop.intents.recorded.lock().unwrap().is_empty(),
        "the first intent is the caller's"
    );
    assert!(host.base().join("run/seekdb.pid").exists());
    let lines = stop.lines();
    for expected in [
        &format!("sent SIGUSR1 to pid {} (seekdb, start time ", server.pid()),
        &format!("waiting up to 0.3 s for pid {} to end", server.pid()),
        &format!(
            "record lock free, ports {} {} free",
            host.sql_port, host.rpc_port
        ),
    ] {
        assert!(lines.contains(expected), "{expected} not in\n{lines}");
    }
}

#[tokio::test]
async fn a_server_that_ignores_signals_gets_the_next_ones_each_after_its_intent() {
    let host = Host::new();
    let mut server = host.start(&["--ignore", "SIGUSR1", "--ignore", "SIGTERM"]);
    let stop = stop_of_running(&host).await;
    let stopped = stop.run().await.unwrap();
    assert_eq!(stopped.last_signal, Some(Signal::Kill));
    assert!(!server.is_alive());
    assert_eq!(host.signals(), ["SIGUSR1", "SIGTERM"]);
    let intents = stop.intents.recorded.lock().unwrap().clone();
    assert_eq!(intents.len(), 2);
    assert!(
        intents[0].starts_with(&format!("SIGTERM to pid {}", server.pid())),
        "{intents:?}"
    );
    assert!(
        intents[1].starts_with(&format!("SIGKILL to pid {}", server.pid())),
        "{intents:?}"
    );
}

#[tokio::test]
async fn a_halted_server_is_stopped() {
    let host = Host::new();
    let mut server = host.start(&[]);
    let mut stop = stop_of_running(&host).await;
    stop.graceful = false;
    server.signal(Number::STOP);
    assert_eq!(stop.run().await.unwrap().last_signal, Some(Signal::Kill));
    assert!(!server.is_alive());
}

#[tokio::test]
async fn a_server_that_is_down_already_is_fine() {
    let host = Host::new();
    let stopped = host.stop(None).run().await.unwrap();
    assert_eq!((stopped.already_gone, stopped.last_signal), (true, None));
}

#[tokio::test]
async fn a_stale_pid_file_harms_nobody() {
    let (host, elsewhere) = (Host::new(), Host::new());
    let mut innocent = elsewhere.start(&[]);
    std::fs::write(
        host.base().join("run/seekdb.pid"),
        innocent.pid().to_string(),
    )
    .unwrap();
    assert!(host.stop(None).run().await.unwrap().already_gone);
    assert!(innocent.is_alive());
    assert!(elsewhere.signals().is_empty());
}

#[tokio::test]
async fn another_server_than_the_expected_one_is_not_signalled() {
    let host = Host::new();
    let mut server = host.start(&[]);
    let mut expected = host.found().await.identity;
    expected.start_time -= 1;
    for identity in [Some(expected), None] {
        let error = host.stop(identity).run().await.unwrap_err();
        assert!(matches!(error, StopError::Restarted(_)), "{error}");
        assert!(
            error.to_string().contains(&format!("pid {}", server.pid())),
            "{error}"
        );
    }
    assert!(server.is_alive());
    assert!(host.signals().is_empty());
}

#[tokio::test]
async fn two_servers_of_one_directory_are_not_signalled() {
    let host = Host::new();
    let mut first = host.start(&[]);
    let stop = stop_of_running(&host).await;
    let mut second = host.start(&["--lock", "none"]);
    let error = stop.run().await.unwrap_err();
    assert!(
        matches!(&error, StopError::Multiple(servers) if servers.len() == 2),
        "{error}"
    );
    assert!(first.is_alive() && second.is_alive());
    assert!(host.signals().is_empty());
}

#[tokio::test]
async fn a_stranger_on_the_port_forbids_none_only_while_no_server_was_known() {
    let host = Host::new();
    let mut server = host.start(&[]);
    let known = host.found().await.identity;
    server.0.kill().unwrap();
    server.0.wait().unwrap();
    let _stranger = TcpListener::bind(("127.0.0.1", host.sql_port)).unwrap();
    assert!(matches!(
        host.stop(None).run().await,
        Err(StopError::Foreign(_))
    ));
    let mut stop = host.stop(Some(known));
    assert!(stop.run().await.unwrap().already_gone);
    stop.logged(&format!(
        "port {} is held by pid {}",
        host.sql_port,
        std::process::id()
    ))
    .await;
}

#[tokio::test]
async fn a_run_that_was_left_behind_sends_nothing() {
    let host = Host::new();
    let mut server = host.start(&[]);
    let stop = stop_of_running(&host).await;
    let held = Fence {
        generation: 1,
        epoch: 2,
    };
    host.driver().raise_fence(held).await.unwrap();
    let error = stop.run().await.unwrap_err();
    assert!(
        matches!(error, StopError::Fenced { held: found, .. } if found == held),
        "{error}"
    );
    assert!(server.is_alive());
    assert!(host.signals().is_empty());
    host.driver()
        .raise_fence(Fence {
            generation: 1,
            epoch: 1,
        })
        .await
        .unwrap();
    assert!(
        matches!(stop.run().await, Err(StopError::Fenced { .. })),
        "a fence never falls"
    );
}

#[tokio::test]
async fn a_run_that_is_lost_between_two_signals_sends_no_second_one() {
    let host = Host::new();
    let mut server = host.start(&["--ignore", "SIGUSR1"]);
    let mut stop = stop_of_running(&host).await;
    stop.intents.lost = true;
    assert!(matches!(stop.run().await, Err(StopError::RunLost(_))));
    assert!(server.is_alive());
    assert_eq!(host.signals(), ["SIGUSR1"]);
}

#[tokio::test]
async fn a_canceled_stop_returns_at_once_and_says_what_was_sent() {
    let host = Host::new();
    let mut server = host.start(&["--ignore", "SIGUSR1"]);
    let mut stop = stop_of_running(&host).await;
    stop.limits.usr1 = Duration::from_secs(600);
    let cancel = stop.cancel.clone();
    let (log, lines) = RunLog::new();
    let waiting = watch_for(lines, "waiting up to", move || cancel.cancel());
    stop.log_to(log);
    let (outcome, ()) = tokio::time::timeout(TIMELY, async { tokio::join!(stop.run(), waiting) })
        .await
        .unwrap();
    assert!(
        matches!(
            outcome,
            Err(StopError::Canceled {
                sent: Some(Signal::Usr1)
            })
        ),
        "{outcome:?}"
    );
    assert!(server.is_alive());

    let unsent = host.stop(stop.identity.clone());
    unsent.cancel.cancel();
    assert!(matches!(
        unsent.run().await,
        Err(StopError::Canceled { sent: None })
    ));
}

#[tokio::test]
async fn a_later_run_repeats_no_signal_and_waits_for_what_is_left() {
    let host = Host::new();
    let mut server = host.start(&["--ignore", "SIGUSR1"]);
    let mut first = stop_of_running(&host).await;
    first.intents.lost = true;
    first.run().await.unwrap_err();
    assert_eq!(host.signals(), ["SIGUSR1"]);

    let mut second = host.stop(first.identity.clone());
    second.fence.epoch = 2;
    assert_eq!(second.run().await.unwrap().last_signal, Some(Signal::Term));
    assert!(!server.is_alive());
    assert_eq!(host.signals(), ["SIGUSR1", "SIGTERM"]);
    second.logged("SIGUSR1 was sent to").await;
    second.logged("waiting up to 0.0 s").await;

    let mut third = host.stop(first.identity.clone());
    third.fence.epoch = 3;
    let stopped = third.run().await.unwrap();
    assert_eq!(
        (stopped.already_gone, stopped.last_signal),
        (true, Some(Signal::Term))
    );
}

#[tokio::test]
async fn a_new_operation_begins_the_ladder_anew() {
    let host = Host::new();
    let _server = host.start(&["--ignore", "SIGUSR1", "--ignore", "SIGTERM"]);
    let mut first = stop_of_running(&host).await;
    first.intents.lost = true;
    first.run().await.unwrap_err();
    let mut second = host.stop(first.identity.clone());
    second.fence = Fence {
        generation: 2,
        epoch: 1,
    };
    second.run().await.unwrap();
    assert_eq!(host.signals(), ["SIGUSR1", "SIGUSR1", "SIGTERM"]);
}

#[tokio::test]
async fn a_lock_that_is_held_too_long_ends_the_stop_with_the_holders_name() {
    let host = Host::new();
    let mut server = host.start(&[]);
    let mut stop = stop_of_running(&host).await;
    let _held = host
        .driver()
        .host_file()
        .await
        .unwrap()
        .lock(TIMELY)
        .await
        .unwrap();
    stop.driver.lock_wait = Duration::from_millis(20);
    let error = stop.run().await.unwrap_err();
    assert!(
        matches!(&error, StopError::Fence(FenceError::LockTimeout { .. })),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains(&format!("pid {}", std::process::id())),
        "{error}"
    );
    assert!(server.is_alive());
}

#[tokio::test]
async fn a_server_that_comes_back_during_the_watch_is_reported_and_left_alone() {
    let host = Host::new();
    let _server = host.start(&[]);
    let mut stop = stop_of_running(&host).await;
    stop.watch = Some(TIMELY);
    let (log, lines) = RunLog::new();
    stop.log_to(log);
    let mut again = None;
    let restart = watch_for(lines, "watching for", || again = Some(host.start(&[])));
    let (outcome, ()) = tokio::join!(stop.run(), restart);
    let mut again = again.unwrap();
    let error = outcome.unwrap_err();
    assert!(matches!(&error, StopError::Restarted(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("pid {} (seekdb, start time", again.pid())),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains(&format!("parent pid {}", std::process::id())),
        "{error}"
    );
    assert!(again.is_alive());
    assert_eq!(host.signals(), ["SIGUSR1"]);
}

#[tokio::test]
async fn the_watch_lasts_as_long_as_it_was_ordered() {
    let host = Host::new();
    let _server = host.start(&[]);
    let mut stop = stop_of_running(&host).await;
    stop.watch = Some(Duration::from_millis(400));
    let begun = tokio::time::Instant::now();
    stop.run().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(400));
    stop.logged("the server did not come back").await;
}

async fn watch_for(
    mut lines: tokio::sync::mpsc::UnboundedReceiver<String>,
    text: &str,
    then: impl FnOnce(),
) {
    while !lines.recv().await.unwrap().contains(text) {}
    then();
}
