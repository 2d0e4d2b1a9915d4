//! What a look finds, and what it refuses to conclude.

use std::net::TcpListener;

use rustix::process::Signal;

use super::fake::Host;
use crate::driver::process::{CheckError, Finding, Owner};

fn reason(finding: Finding) -> String {
    match finding {
        Finding::Unknown { reason } => reason,
        other => panic!("expected unknown, found: {other}"),
    }
}

#[tokio::test]
async fn an_idle_base_directory_holds_no_server_and_passes_the_check() {
    let host = Host::new();
    assert!(matches!(host.driver().look().await, Finding::None));
    host.driver().check().await.unwrap();
}

#[tokio::test]
async fn a_missing_or_empty_directory_proves_nothing() {
    let host = Host::new();
    let missing = host.driver_of(&host.base().join("typo"));
    assert!(reason(missing.look().await).contains("typo cannot be used"));
    assert!(matches!(
        missing.check().await,
        Err(CheckError::Unknown { .. })
    ));
    let empty = host.driver_of(&host.base().join("run"));
    assert!(reason(empty.look().await).contains("neither etc/ nor store/"));
}

#[tokio::test]
async fn a_server_is_found_by_its_lock_with_all_that_is_needed_to_start_it_again() {
    let host = Host::new();
    let server = host.start(&["--listen", &host.sql_port.to_string()]);
    let found = host.found().await;
    assert_eq!(found.identity.pid, server.pid());
    assert_eq!(found.identity.base_dir, host.base().canonicalize().unwrap());
    assert!(found.holds_lock);
    assert_eq!(found.owner, Owner::None);
    assert_eq!(found.parent.pid, i32::try_from(std::process::id()).unwrap());
    assert_eq!(found.launch.exe, host.base().join("bin/seekdb"));
    assert!(found.launch.arguments.contains(&host.sql_port.to_string()));
    assert!(
        found
            .launch
            .environment
            .iter()
            .any(|(name, _)| name == "PYTHONHOME")
    );
    host.driver().check().await.unwrap();
}

#[tokio::test]
async fn a_server_without_lock_is_found_by_its_working_directory() {
    let host = Host::new();
    let server = host.start(&["--lock", "none"]);
    let found = host.found().await;
    assert_eq!(
        (found.identity.pid, found.holds_lock),
        (server.pid(), false)
    );
}

#[tokio::test]
async fn a_server_that_works_elsewhere_is_found_by_its_open_data() {
    let host = Host::new();
    let base = host.base();
    let data = base.join("store/sstable/block_file");
    let arguments = [
        "--base",
        base.to_str().unwrap(),
        "--lock",
        "none",
        "--open",
        data.to_str().unwrap(),
    ];
    let server = host.start_as("observer", std::path::Path::new("/"), &arguments);
    assert_eq!(host.found().await.identity.pid, server.pid());
}

#[tokio::test]
async fn a_server_whose_program_was_replaced_is_still_found() {
    let host = Host::new();
    let server = host.start(&[]);
    let before = host.found().await;
    std::fs::remove_file(host.base().join("bin/seekdb")).unwrap();
    let after = host.found().await;
    assert_eq!(
        (after.identity.pid, &after.identity),
        (server.pid(), &before.identity)
    );
    assert_eq!(after.launch.exe, host.base().join("bin/seekdb"));
}

#[tokio::test]
async fn a_server_whose_first_thread_has_ended_is_still_the_same_server() {
    let host = Host::new();
    let server = host.start(&["--end-main-thread"]);
    while !std::fs::read_to_string(format!("/proc/{}/stat", server.pid()))
        .unwrap()
        .contains(") Z ")
    {
        tokio::task::yield_now().await;
    }
    let found = host.found().await;
    assert_eq!((found.identity.pid, found.holds_lock), (server.pid(), true));
}

#[tokio::test]
async fn a_dead_process_that_nobody_reaped_is_no_server() {
    let host = Host::new();
    let server = host.start(&[]);
    server.signal(Signal::KILL);
    while !matches!(host.driver().look().await, Finding::None) {
        tokio::task::yield_now().await;
    }
    assert!(std::path::Path::new(&format!("/proc/{}", server.pid())).exists());
}

#[tokio::test]
async fn two_servers_of_one_directory_are_both_reported() {
    let host = Host::new();
    let first = host.start(&[]);
    let second = host.start(&["--lock", "none"]);
    match host.driver().look().await {
        Finding::Multiple(found) => {
            let mut pids: Vec<i32> = found.iter().map(|server| server.identity.pid).collect();
            pids.sort_unstable();
            let mut expected = [first.pid(), second.pid()];
            expected.sort_unstable();
            assert_eq!(pids, expected);
        }
        other => panic!("expected two servers, found: {other}"),
    }
}

#[tokio::test]
async fn a_server_of_another_directory_is_not_seen() {
    let (host, other) = (Host::new(), Host::new());
    let _server = other.start(&[]);
    assert!(matches!(host.driver().look().await, Finding::None));
}

#[tokio::test]
async fn a_lock_that_no_visible_process_holds_is_not_taken_for_free() {
    let host = Host::new();
    let _holder = host.start_as("holder", &host.base(), &["--lock", "ofd"]);
    assert!(reason(host.driver().look().await).contains("cannot be seen from here"));
}

#[tokio::test]
async fn a_lock_in_the_hands_of_another_program_is_not_taken_for_free() {
    let host = Host::new();
    let holder = host.start_as("holder", &host.base(), &[]);
    assert!(reason(host.driver().look().await).contains(&format!("held by pid {}", holder.pid())));
}

#[tokio::test]
async fn a_port_in_the_hands_of_another_process_speaks_against_none() {
    let host = Host::new();
    let _stranger = TcpListener::bind(("127.0.0.1", host.rpc_port)).unwrap();
    match host.driver().look().await {
        Finding::Foreign(holder) => {
            assert_eq!(
                (holder.port, holder.pid),
                (host.rpc_port, i32::try_from(std::process::id()).unwrap())
            );
        }
        other => panic!("expected a stranger, found: {other}"),
    }
    assert!(matches!(
        host.driver().check().await,
        Err(CheckError::Foreign(_))
    ));
}

#[tokio::test]
async fn a_server_started_by_a_supervisor_has_it_as_its_owner() {
    let host = Host::new();
    let mut supervisor = host.start_under("obshell");
    let found = host.found().await;
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(found.identity.pid).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    supervisor.0.wait().unwrap();
    assert_eq!(
        found.owner,
        Owner::Supervisor {
            pid: supervisor.pid(),
            name: "obshell".into()
        }
    );
}

#[tokio::test]
async fn the_check_names_a_state_directory_that_cannot_be_used() {
    let host = Host::new();
    std::fs::write(host.state_dir(), "a file").unwrap();
    let error = host.driver().check().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains(host.state_dir().to_str().unwrap()),
        "{error}"
    );
}
