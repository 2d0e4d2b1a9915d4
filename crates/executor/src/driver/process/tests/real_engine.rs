//! Starts and stops of the real engine, where the machine has one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use rustix::process::{Pid, Signal, kill_process};
use slacktide_engine::cluster::Driver;
use slacktide_engine::fence::Fence;
use slacktide_engine::finding::FindingResult;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::fake::{Intentions, StopCase, free_ports};
use crate::driver::process::{
    Finding, Launch, Limits, Process, ProcessDriver, Signal as Sent, StartError, StartOrder,
    Started, StopError, Target,
};
use crate::options::Options;
use crate::run_log::RunLog;
use crate::sql::tests::{account, server};
use crate::{checks, checks::tests::cluster, sql};

/// A directory of a real server. Whatever runs in it when the test is over is killed.
struct RealHost {
    dir: tempfile::TempDir,
    program: PathBuf,
    sql_port: u16,
    runtime: tokio::runtime::Handle,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test says so where it cannot run"
)]
fn program(case: &str) -> Option<PathBuf> {
    let setting = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let home = setting("SLACKTIDE_TEST_ENGINE");
    if home.is_none() {
        assert_ne!(
            setting("CI").as_deref(),
            Some("true"),
            "{case}: SLACKTIDE_TEST_ENGINE is not set"
        );
        eprintln!("SKIPPED {case}: SLACKTIDE_TEST_ENGINE is not set; scripts/test sets it");
    }
    Some(Path::new(&home?).join("pylibseekdb/seekdb"))
}

impl RealHost {
    /// `None` where the machine has no engine.
    async fn new(case: &str) -> Option<Self> {
        let program = program(case)?;
        let host = Self {
            // A name without a leading dot: below such a directory the engine starts only once.
            dir: tempfile::Builder::new()
                .prefix("slacktide")
                .tempdir()
                .unwrap(),
            program,
            sql_port: free_ports()[0],
            runtime: tokio::runtime::Handle::current(),
        };
        std::fs::create_dir(host.base()).unwrap();
        host.set_up().await;
        Some(host)
    }

    fn base(&self) -> PathBuf {
        self.dir.path().join("ob")
    }

    fn driver(&self) -> ProcessDriver {
        let target = Target {
            base_dir: self.base(),
            sql_port: self.sql_port,
            rpc_port: 1,
        };
        ProcessDriver::new(target, &self.dir.path().join("state"))
    }

    fn launch(&self, arguments: &[&str]) -> Launch {
        let package = self.program.parent().unwrap();
        let libraries = format!(
            "{}:{}",
            package.display(),
            package.with_extension("libs").display()
        );
        let mut all = vec![self.program.display().to_string()];
        all.extend(arguments.iter().map(ToString::to_string));
        Launch {
            exe: self.program.clone(),
            arguments: all,
            environment: vec![("LD_LIBRARY_PATH".to_owned(), libraries)],
        }
    }

    /// The first start, by which the directory becomes a server's.
    async fn set_up(&self) {
        let launch = self.launch(&[]);
        let status = tokio::process::Command::new(&launch.exe)
            .args(["-P", &self.sql_port.to_string(), "--base-dir"])
            .arg(self.base())
            .args([
                "--parameter",
                "datafile_size=256M",
                "--parameter",
                "datafile_maxsize=1G",
            ])
            .args(["--parameter", "log_disk_size=2G"])
            .envs(launch.environment)
            .stdout(std::process::Stdio::null())
            .status()
            .await
            .unwrap();
        assert!(status.success());
        self.serves().await;
    }

    async fn serves(&self) {
        let log = RunLog::new().0;
        let account = account();
        let server = server(self.sql_port);
        let asking = Semaphore::new(1);
        let waiting = sql::wait_accessible(&server, Some(&account), &asking, &log);
        tokio::time::timeout(Duration::from_secs(90), waiting)
            .await
            .unwrap()
            .unwrap();
    }

    async fn query(&self, statement: &str) -> Vec<String> {
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.sql_port)
            .user(Some("root"))
            .prefer_socket(false);
        let mut session = Conn::new(options).await.unwrap();
        let rows = session.query(statement).await.unwrap();
        session.disconnect().await.unwrap();
        rows
    }

    async fn found(&self) -> Process {
        match self.driver().look().await {
            Finding::One(process) => *process,
            other => panic!("expected one server, found: {other}"),
        }
    }

    async fn stop(&self, epoch: i64) {
        let mut case = StopCase::new(self.driver(), Some(self.found().await.identity));
        case.fence = fence(epoch);
        case.graceful = false;
        case.run().await.unwrap();
    }

    async fn start(&self, launch: Option<Launch>, epoch: i64) -> Result<Started, StartError> {
        let order = StartOrder {
            launch,
            fence: fence(epoch),
            started_by: format!("epoch {epoch}"),
            settle: Duration::from_secs(10),
            ip: Some("127.0.0.1".to_owned()),
            limits: Limits::default(),
            log: &RunLog::new().0,
            intents: &Intentions::default(),
            cancel: &CancellationToken::new(),
        };
        self.driver().start(order).await
    }
}

impl Drop for RealHost {
    fn drop(&mut self) {
        let driver = self.driver();
        let runtime = self.runtime.clone();
        let looking = std::thread::spawn(move || runtime.block_on(driver.look()));
        let found = match looking.join() {
            Ok(Finding::One(process)) => vec![*process],
            Ok(Finding::Multiple(processes)) => processes,
            _ => Vec::new(),
        };
        for process in found {
            let _ = kill_process(Pid::from_raw(process.identity.pid).unwrap(), Signal::KILL);
        }
    }
}

fn fence(epoch: i64) -> Fence {
    let generation = 1;
    Fence { generation, epoch }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_port_and_settings_outlive_stop_and_start() {
    let Some(host) = RealHost::new("data_port_and_settings_outlive_stop_and_start").await else {
        return;
    };
    host.query("CREATE TABLE test.t (id INT PRIMARY KEY)").await;
    host.query("INSERT INTO test.t VALUES (42)").await;
    let before = host.found().await;
    assert!(
        before
            .launch
            .arguments
            .iter()
            .any(|argument| argument.contains("log_disk_size"))
    );

    host.stop(1).await;
    let started = host.start(Some(before.launch.clone()), 2).await.unwrap();
    assert!(!started.already_running && started.process.holds_lock);
    assert_ne!(started.process.identity, before.identity);
    let mark = started.process.launch.mark();
    assert!(mark.is_some(), "one that goes to the background keeps it");
    let arguments = &started.process.launch.arguments;
    assert!(
        !arguments
            .iter()
            .any(|argument| argument.contains("log_disk_size")),
        "{arguments:?}"
    );
    host.serves().await;
    assert_eq!(host.query("SELECT id FROM test.t").await, ["42"]);

    let again = host.start(None, 3).await.unwrap();
    assert!(again.already_running);
    assert_eq!(again.process.identity, started.process.identity);
    assert_eq!(again.started_by.as_deref(), Some("epoch 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_after_a_stop_that_was_canceled_too_late_waits_for_the_end_and_starts() {
    let Some(host) = RealHost::new(
        "a_start_after_a_stop_that_was_canceled_too_late_waits_for_the_end_and_starts",
    )
    .await
    else {
        return;
    };
    let before = host.found().await;
    let mut stop = StopCase::new(host.driver(), Some(before.identity.clone()));
    stop.limits = Limits::default();
    let (log, mut lines) = RunLog::new();
    stop.log_to(log);
    let cancel = stop.cancel.clone();
    let canceling = async {
        while !lines.recv().await.unwrap().contains("waiting up to") {}
        cancel.cancel();
    };
    let (stopped, ()) = tokio::join!(stop.run(), canceling);
    let sent = Some(Sent::Usr1);
    assert!(matches!(stopped, Err(StopError::Canceled { sent: signal }) if signal == sent));
    // It looks as if nothing had happened.
    assert_eq!(host.found().await.identity, before.identity);
    host.query("SELECT 1").await;

    let started = host.start(Some(before.launch), 2).await.unwrap();
    assert!(!started.already_running);
    assert_ne!(started.process.identity, before.identity);
    host.serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_the_foreground_is_started_there_again() {
    let Some(host) = RealHost::new("a_server_in_the_foreground_is_started_there_again").await
    else {
        return;
    };
    host.stop(1).await;
    let launch = host.launch(&[
        "--nodaemon",
        "-P",
        &host.sql_port.to_string(),
        "--parameter",
        "log_disk_size=1G",
    ]);
    let started = host.start(Some(launch), 2).await.unwrap();
    assert_eq!(
        started.process.parent.pid,
        i32::try_from(std::process::id()).unwrap()
    );
    host.serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_taken_between_look_and_bind_ends_the_server_and_is_told() {
    let Some(host) =
        RealHost::new("a_port_taken_between_look_and_bind_ends_the_server_and_is_told").await
    else {
        return;
    };
    let launch = host.found().await.launch;
    host.stop(1).await;
    let stranger = std::net::TcpListener::bind(("127.0.0.1", host.sql_port)).unwrap();
    let error = host.start(Some(launch.clone()), 2).await.unwrap_err();
    assert!(matches!(error, StartError::PortTaken(_)), "{error}");

    // A driver that was told other ports does not see the stranger; the server does.
    let target = Target {
        base_dir: host.base(),
        sql_port: 1,
        rpc_port: 1,
    };
    let driver = ProcessDriver::new(target, &host.dir.path().join("state"));
    let order = StartOrder {
        launch: Some(launch),
        fence: fence(3),
        started_by: String::new(),
        settle: Duration::from_secs(20),
        ip: None,
        limits: Limits::default(),
        log: &RunLog::new().0,
        intents: &Intentions::default(),
        cancel: &CancellationToken::new(),
    };
    let error = driver.start(order).await.unwrap_err();
    assert!(matches!(error, StartError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("observer start fail"), "{error}");
    drop(stranger);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_starters_of_a_real_server_leave_one() {
    let Some(host) = RealHost::new("many_starters_of_a_real_server_leave_one").await else {
        return;
    };
    host.stop(1).await;
    let starts = (2..6).map(|epoch| host.start(None, epoch));
    let ends = futures::future::join_all(starts).await;
    let server = host.found().await;
    let fresh = ends
        .iter()
        .filter(|end| matches!(end, Ok(started) if !started.already_running));
    assert_eq!(fresh.count(), 1, "{ends:?}");
    for started in ends.into_iter().flatten() {
        assert_eq!(started.process.identity, server.identity);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_of_a_real_engine_of_one_node_say_what_it_lacks() {
    let Some(host) = RealHost::new("checks_of_a_real_engine_of_one_node_say_what_it_lacks").await
    else {
        return;
    };
    let mut server = server(host.sql_port);
    server.driver = Driver::Process {
        base_dir: host.base().display().to_string(),
        host: "here".to_owned(),
    };
    let options = Options::new("here", host.dir.path().join("state"));
    let cluster = cluster(vec![server]);
    let findings = checks::preflight(&cluster, &options).await;
    let lines = checks::lines(&findings).join("\n");
    for finding in &findings {
        let expected = match finding.check {
            // It has no list of servers, tenants or backups.
            3 | 7 | 13 => FindingResult::NotChecked,
            // Right after its first start it has a job of its own.
            10 if finding.result == FindingResult::Found => continue,
            _ => FindingResult::Clear,
        };
        assert_eq!(finding.result, expected, "{}\n{lines}", finding.check);
    }

    let options = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(host.sql_port)
        .user(Some("root"))
        .prefer_socket(false);
    let mut session = Conn::new(options).await.unwrap();
    session
        .query_drop("CREATE TABLE test.open (id INT PRIMARY KEY)")
        .await
        .unwrap();
    session.query_drop("BEGIN").await.unwrap();
    session
        .query_drop("INSERT INTO test.open VALUES (1)")
        .await
        .unwrap();
    let options = Options::new("here", host.dir.path().join("state"));
    let findings = checks::preflight(&cluster, &options).await;
    let open = findings.iter().find(|finding| finding.check == 18).unwrap();
    assert_eq!(open.result, FindingResult::Found, "{}", open.text);
    session.disconnect().await.unwrap();
}
