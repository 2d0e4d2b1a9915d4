//! That a server whose start nobody saw to its end is known, and no other one is taken for it.

use std::process::Command;
use std::time::Duration;

use super::fake::{Fake, Host};
use super::starting::{StartCase, Ward, fence};
use crate::driver::process::Finding;
use crate::run_log::RunLog;

const TIMELY: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

/// A start of which nothing is known but that it was begun: its server never takes the record lock, and whoever ran it
/// went away.
async fn left_behind(host: &Host) -> Ward {
    let mut case = StartCase::new(host, &["--lock", "none"]);
    let (log, mut lines) = RunLog::new();
    case.log = log;
    let spawned = async { while !lines.recv().await.unwrap().starts_with("ran ") {} };
    tokio::select! {
        end = case.run() => panic!("{end:?}"),
        () = spawned => {}
    }
    drop(case);
    let visible = async {
        loop {
            if let Finding::One(process) = host.driver().look().await {
                return Ward(process.identity);
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(TIMELY, visible).await.unwrap()
}

#[tokio::test]
async fn a_server_whose_start_was_never_seen_to_its_end_is_known_by_its_mark() {
    let host = Host::new();
    let server = left_behind(&host).await;
    let by = host.driver().started_by().await.unwrap();
    assert_eq!(by.as_deref(), Some("task 7, epoch 1"));
    let mut next = StartCase::new(&host, &[]);
    next.fence = fence(1, 2);
    let found = next.run().await.unwrap();
    assert!(found.already_running);
    assert_eq!(found.process.identity, server.0);
    assert_eq!(found.started_by.as_deref(), Some("task 7, epoch 1"));
}

#[tokio::test]
async fn a_server_that_took_the_place_of_one_that_was_never_seen_is_nobodys() {
    let host = Host::new();
    let first = left_behind(&host).await;
    let launch = host.found().await.launch;
    first.kill();
    let gone = async {
        while !matches!(host.driver().look().await, Finding::None) {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(TIMELY, gone).await.unwrap();
    // By the same command, and by a start of another time.
    for mark in [None, Some("1.1.1")] {
        let mut stranger = Command::new(&launch.exe);
        stranger.args(&launch.arguments[1..]).env_clear();
        let environment = launch.environment.iter().cloned();
        stranger.envs(environment.filter(|(name, _)| name != "SLACKTIDE_START"));
        stranger.envs(mark.map(|mark| ("SLACKTIDE_START", mark)));
        let _server = Fake::start(stranger.current_dir(host.base()));
        assert_eq!(host.driver().started_by().await.unwrap(), None);
    }
}
