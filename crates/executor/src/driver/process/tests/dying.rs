//! That a server which got a signal does not count as running, and that nobody who was left behind sends one.

use std::time::Duration;

use rustix::process::Signal as Number;
use slacktide_engine::fence::Fence;
use tokio::sync::mpsc::UnboundedReceiver;

use super::fake::{Fake, Host};
use super::starting::{StartCase, Ward, fence};
use crate::driver::process::host_file::HostFile;
use crate::driver::process::{Signal, StartError, StopError};
use crate::run_log::RunLog;

const TIMELY: Duration = Duration::from_secs(20);

/// Makes a server that got SIGUSR1 from a stop which was canceled then.
async fn signalled(host: &Host, arguments: &[&str]) -> Fake {
    let server = host.start(arguments);
    let mut stop = host.stop(Some(host.found().await.identity));
    stop.limits.usr1 = TIMELY;
    let (log, lines) = RunLog::new();
    stop.log_to(log);
    let cancel = stop.cancel.clone();
    let canceling = after(lines, "waiting up to", || cancel.cancel());
    let (outcome, ()) = tokio::join!(stop.run(), canceling);
    let sent = Some(Signal::Usr1);
    assert!(matches!(outcome, Err(StopError::Canceled { sent: signal }) if signal == sent));
    server
}

async fn after(mut lines: UnboundedReceiver<String>, text: &str, then: impl FnOnce()) {
    while !lines.recv().await.unwrap().contains(text) {}
    then();
}

/// A start, and what is logged of it.
fn start_of(host: &Host, fence: Fence) -> (StartCase, UnboundedReceiver<String>) {
    let mut case = StartCase::new(host, &["--linger"]);
    let (log, lines) = RunLog::new();
    (case.log, case.fence) = (log, fence);
    (case, lines)
}

#[tokio::test]
async fn a_start_waits_for_the_end_of_a_server_that_got_a_signal_of_any_operation() {
    for fence in [fence(1, 2), fence(2, 1)] {
        let host = Host::new();
        let mut server = signalled(&host, &["--linger"]).await;
        assert!(server.is_alive());
        let (case, lines) = start_of(&host, fence);
        let end = host.base().join("end");
        let ending = after(lines, "got SIGUSR1 earlier: waiting up to", || {
            std::fs::write(end, "").unwrap();
        });
        let (started, ()) = tokio::join!(case.run(), ending);
        let started = started.unwrap();
        let _new = Ward::of(&started);
        assert!(!started.already_running && !server.is_alive());
        assert_ne!(started.process.identity.pid, server.pid());
        assert_eq!(host.signals(), ["SIGUSR1"]);
        assert_eq!(case.intents.recorded.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_outlives_its_signal_is_not_called_started() {
    let host = Host::new();
    let mut server = signalled(&host, &["--ignore", "SIGUSR1"]).await;
    let (mut case, _) = start_of(&host, fence(1, 2));
    case.limits.usr1 = Duration::from_millis(50);
    let error = case.run().await.unwrap_err();
    assert!(
        matches!(&error, StartError::Signalled { identity, .. } if identity.pid == server.pid()),
        "{error}"
    );
    assert!(
        error.to_string().contains("end it by hand and try again"),
        "{error}"
    );
    assert!(server.is_alive());
    assert_eq!(host.signals(), ["SIGUSR1"]);
}

#[tokio::test]
async fn a_start_that_waits_for_an_end_can_be_canceled_and_leaves_the_lock_to_others() {
    let host = Host::new();
    let mut server = signalled(&host, &["--linger"]).await;
    let (case, lines) = start_of(&host, fence(1, 2));
    let file = HostFile::of(&host.state_dir(), &host.base()).unwrap();
    let canceling = async {
        after(lines, "waiting up to", || ()).await;
        file.lock(Duration::ZERO).await.unwrap();
        case.cancel.cancel();
    };
    let (end, ()) = tokio::join!(case.run(), canceling);
    assert!(matches!(end, Err(StartError::Canceled { started: None })));
    assert!(server.is_alive());
}

#[tokio::test]
async fn a_server_that_ends_after_the_look_is_started_again() {
    let host = Host::new();
    let mut server = host.start(&[]);
    let (case, lines) = start_of(&host, fence(1, 1));
    let file = HostFile::of(&host.state_dir(), &host.base()).unwrap();
    let locked = file.lock(Duration::ZERO).await.unwrap();
    let ending = after(lines, "one server runs", || {
        server.signal(Number::KILL);
        server.0.wait().unwrap();
        drop(locked);
    });
    let (started, ()) = tokio::join!(case.run(), ending);
    let started = started.unwrap();
    let _new = Ward::of(&started);
    assert!(!started.already_running);
    assert_ne!(started.process.identity.pid, server.pid());
}

#[tokio::test]
async fn who_finds_the_server_running_keeps_earlier_runs_from_signalling_it() {
    let host = Host::new();
    let mut server = host.start(&[]);
    let mut stop = host.stop(Some(host.found().await.identity));
    stop.fence = fence(1, 4);
    let (case, _) = start_of(&host, fence(1, 5));
    assert!(case.run().await.unwrap().already_running);
    let error = stop.run().await.unwrap_err();
    assert!(matches!(error, StopError::Fenced { .. }), "{error}");

    let (behind, _) = start_of(&host, fence(1, 4));
    let error = behind.run().await.unwrap_err();
    assert!(matches!(error, StartError::Fenced { .. }), "{error}");
    assert!(server.is_alive());
    assert!(host.signals().is_empty());
}
