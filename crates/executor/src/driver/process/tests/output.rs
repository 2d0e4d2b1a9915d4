//! Where what a server prints goes, and where it never goes.

use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;

use super::fake::Host;
use super::starting::{StartCase, Ward};
use crate::run_log::RunLog;

#[tokio::test]
async fn output_goes_through_no_link_and_into_nobody_elses_file() {
    let host = Host::new();
    let (log, elsewhere) = (host.base().join("log"), host.base().join("elsewhere"));
    let output = log.join("slacktide_start.log");
    let start = async || {
        let mut case = StartCase::new(&host, &[]);
        let (log, mut lines) = RunLog::new();
        case.log = log;
        let server = Ward::of(&case.run().await.unwrap());
        drop(case);
        let mut told = false;
        while let Some(line) = lines.recv().await {
            told |= line.contains("slacktide_start.log is not written");
        }
        let fd = std::fs::read_link(format!("/proc/{}/fd/1", server.0.pid)).unwrap();
        server.kill();
        while Path::new(&format!("/proc/{}", server.0.pid)).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (told, fd)
    };
    let refused = (true, PathBuf::from("/dev/null"));

    std::fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, &output).unwrap();
    assert_eq!(start().await, refused);
    std::fs::remove_file(&output).unwrap();
    std::fs::hard_link(&elsewhere, &output).unwrap();
    assert_eq!(start().await, refused);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "precious");

    std::fs::remove_file(&output).unwrap();
    let linked = host.base().join("linked");
    std::fs::rename(&log, &linked).unwrap();
    symlink(&linked, &log).unwrap();
    assert_eq!(start().await, refused);
    assert!(!linked.join("slacktide_start.log").exists());

    std::fs::remove_file(&log).unwrap();
    std::fs::rename(&linked, &log).unwrap();
    assert!(!start().await.0);
    if geteuid().is_root() {
        chown(&log, Some(65_534), None).unwrap();
        assert_eq!(start().await, refused);
    }
}
