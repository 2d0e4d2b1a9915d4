//! What a start runs, when it runs nothing, and what it says of a server that does not stay.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::time::Duration;

use futures::future::BoxFuture;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use slacktide_engine::fence::Fence;
use tokio_util::sync::CancellationToken;

use super::fake::{Host, Intentions};
use crate::driver::process::host_file::HostFile;
use crate::driver::process::state::Start;
use crate::driver::process::{
    Finding, Identity, Launch, Limits, ProcessDriver, StartError, StartOrder, Started,
};
use crate::run_log::{Intents, RunLog, RunLost};

/// One call of `start`, with a short watch. What it started is killed when the test is over.
pub(super) struct StartCase {
    driver: ProcessDriver,
    launch: Launch,
    pub(super) fence: Fence,
    settle: Duration,
    ip: Option<String>,
    pub(super) limits: Limits,
    pub(super) intents: Intentions,
    pub(super) cancel: CancellationToken,
    pub(super) log: RunLog,
}

impl StartCase {
    pub(super) fn new(host: &Host, arguments: &[&str]) -> Self {
        Self {
            driver: host.driver(),
            launch: host.launch(arguments),
            fence: fence(1, 1),
            settle: Duration::from_millis(50),
            ip: None,
            limits: Limits::default(),
            intents: Intentions::default(),
            cancel: CancellationToken::new(),
            log: RunLog::new().0,
        }
    }

    pub(super) async fn run(&self) -> Result<Started, StartError> {
        self.run_with(&self.intents).await
    }

    async fn run_with(&self, intents: &dyn Intents) -> Result<Started, StartError> {
        let order = StartOrder {
            launch: Some(self.launch.clone()),
            fence: self.fence,
            started_by: format!("task 7, epoch {}", self.fence.epoch),
            settle: self.settle,
            ip: self.ip.clone(),
            limits: self.limits,
            log: &self.log,
            intents,
            cancel: &self.cancel,
        };
        self.driver.start(order).await
    }
}

/// Kills a server that a test started, when the test is over.
pub(super) struct Ward(pub(super) Identity);

impl Ward {
    pub(super) fn of(started: &Started) -> Self {
        Self(started.process.identity.clone())
    }

    pub(super) fn kill(&self) {
        let _ = kill_process(Pid::from_raw(self.0.pid).unwrap(), Signal::KILL);
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn fence(generation: i64, epoch: i64) -> Fence {
    Fence { generation, epoch }
}

async fn assert_nothing_runs(host: &Host) {
    let finding = host.driver().look().await;
    assert!(matches!(finding, Finding::None), "{finding}");
}

fn stat(pid: i32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    fields.split(' ').map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_server_is_started_as_it_ran_before_in_a_session_of_its_own() {
    let host = Host::new();
    let port = host.sql_port.to_string();
    let case = StartCase::new(
        &host,
        &["--nodaemon", "--listen", &port, "--base-dir", "elsewhere"],
    );
    let started = case.run().await.unwrap();
    let server = Ward::of(&started);
    assert!(!started.already_running && started.process.holds_lock);
    assert_eq!(started.started_by.as_deref(), Some("task 7, epoch 1"));
    assert_eq!(host.found().await.identity, server.0);

    let launch = &started.process.launch;
    assert!(
        launch.arguments.contains(&port) && launch.arguments.contains(&"--nodaemon".to_owned())
    );
    let (mark, environment) = launch.environment.split_last().unwrap();
    assert_eq!(environment, case.launch.environment);
    assert_eq!(mark.0, "SLACKTIDE_START");
    let fd = |fd: u8| std::fs::read_link(format!("/proc/{}/fd/{fd}", server.0.pid)).unwrap();
    assert_eq!(fd(0), PathBuf::from("/dev/null"));
    let output = host
        .base()
        .canonicalize()
        .unwrap()
        .join("log/slacktide_start.log");
    assert_eq!((fd(1), fd(2)), (output.clone(), output));
    let session = &stat(server.0.pid)[3];
    assert_eq!(
        *session,
        server.0.pid.to_string(),
        "a signal to this executor's session must not reach it"
    );
    assert_eq!(case.intents.recorded.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_start_finds_the_first_one_and_says_whose_it_was() {
    let host = Host::new();
    let server = Ward::of(&StartCase::new(&host, &[]).run().await.unwrap());
    let by = host.driver().started_by().await.unwrap();
    assert_eq!(by.as_deref(), Some("task 7, epoch 1"));
    let mut again = StartCase::new(&host, &[]);
    again.fence = fence(1, 5);
    let found = again.run().await.unwrap();
    assert!(found.already_running);
    assert_eq!(found.process.identity, server.0);
    assert_eq!(found.started_by.as_deref(), Some("task 7, epoch 1"));
    assert!(again.intents.recorded.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_server_that_somebody_else_started_is_nobodys() {
    let host = Host::new();
    let server = host.start(&[]);
    let found = StartCase::new(&host, &[]).run().await.unwrap();
    assert_eq!(
        (found.process.identity.pid, found.started_by),
        (server.pid(), None)
    );
}

#[tokio::test]
async fn of_many_starters_one_starts_and_the_others_find_its_server() {
    let host = Host::new();
    let cases: Vec<_> = (1..=6)
        .map(|epoch| {
            let mut case = StartCase::new(&host, &[]);
            case.fence = fence(1, epoch);
            case
        })
        .collect();
    let ends = futures::future::join_all(cases.iter().map(StartCase::run)).await;
    let server = Ward(host.found().await.identity);
    let mut fresh = 0;
    for end in ends {
        match end {
            Ok(started) => {
                assert_eq!(started.process.identity, server.0);
                fresh += usize::from(!started.already_running);
            }
            Err(StartError::Fenced { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(fresh, 1);
}

#[tokio::test]
async fn a_launcher_that_leaves_a_server_behind_is_not_taken_for_it() {
    let host = Host::new();
    let started = StartCase::new(&host, &["--daemon"]).run().await.unwrap();
    let server = Ward::of(&started);
    assert!(started.process.holds_lock);
    assert_eq!(host.found().await.identity, server.0);
}

#[tokio::test]
async fn a_taken_port_forbids_a_start() {
    let host = Host::new();
    let stranger = TcpListener::bind(("127.0.0.1", host.sql_port)).unwrap();
    let case = StartCase::new(&host, &[]);
    let error = case.run().await.unwrap_err();
    assert!(
        matches!(&error, StartError::PortTaken(holder) if holder.port == host.sql_port),
        "{error}"
    );
    assert!(case.intents.recorded.lock().unwrap().is_empty());
    drop(stranger);
    assert_nothing_runs(&host).await;
}

#[tokio::test]
async fn a_starter_that_was_fenced_out_starts_nothing() {
    let host = Host::new();
    host.driver().raise_fence(fence(1, 2)).await.unwrap();
    let error = StartCase::new(&host, &[]).run().await.unwrap_err();
    assert!(matches!(error, StartError::Fenced { .. }), "{error}");
    assert_nothing_runs(&host).await;
}

/// A takeover that raises the fence while the run that it takes over is paused after its intent.
struct FencedMeanwhile(ProcessDriver);

impl Intents for FencedMeanwhile {
    fn record<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), RunLost>> {
        Box::pin(async move {
            self.0.raise_fence(fence(1, 2)).await.unwrap();
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_starter_that_is_fenced_out_while_it_is_paused_starts_nothing() {
    let host = Host::new();
    let case = StartCase::new(&host, &[]);
    let meanwhile = FencedMeanwhile(host.driver());
    let error = case.run_with(&meanwhile).await.unwrap_err();
    assert!(matches!(error, StartError::Fenced { .. }), "{error}");
    assert_nothing_runs(&host).await;
}

#[tokio::test]
async fn a_server_runs_as_the_owner_of_its_files() {
    const NOBODY: u32 = 65_534;
    const LOCKS: &str = "use Fcntl; open F, '+>>', 'run/seekdb.pid'; \
        $lock = pack 's s x4 q q l x4', F_WRLCK, 0, 0, 0, 0; fcntl F, F_SETLK, $lock; sleep 600";
    let host = Host::new();
    // The Python of the other tests may lie where only its owner may go.
    if !geteuid().is_root()
        || std::fs::copy("/usr/bin/perl", host.base().join("bin/seekdb")).is_err()
    {
        eprintln!("SKIPPED a_server_runs_as_the_owner_of_its_files: it takes root and perl");
        return;
    }
    let mut case = StartCase::new(&host, &[]);
    case.launch.arguments = ["seekdb", "-e", LOCKS, "--"]
        .map(ToOwned::to_owned)
        .to_vec();
    case.launch.environment.clear();
    let parent = host.base().parent().unwrap().to_owned();
    std::fs::set_permissions(&parent, std::fs::Permissions::from_mode(0o755)).unwrap();
    for part in [".", "etc", "store", "run", "log"] {
        chown(host.base().join(part), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let started = case.run().await.unwrap();
    let _server = Ward::of(&started);
    assert_eq!(started.process.identity.uid, NOBODY);
    let output = host.base().join("log/slacktide_start.log");
    assert_eq!(output.metadata().unwrap().uid(), NOBODY);
}

#[tokio::test]
async fn a_run_that_was_lost_starts_nothing() {
    let host = Host::new();
    let mut case = StartCase::new(&host, &[]);
    case.intents.lost = true;
    let error = case.run().await.unwrap_err();
    assert!(matches!(error, StartError::RunLost(_)), "{error}");
    assert_nothing_runs(&host).await;
}

#[tokio::test]
async fn a_start_that_was_noted_and_never_done_is_done_by_the_next_run() {
    let host = Host::new();
    let file = HostFile::of(&host.state_dir(), &host.base()).unwrap();
    let mut locked = file.lock(Duration::ZERO).await.unwrap();
    locked.state.raise(fence(1, 1));
    locked.state.start = Some(Start::new(fence(1, 1), "a run that died"));
    locked.save().unwrap();
    drop(locked);
    let mut case = StartCase::new(&host, &[]);
    case.fence = fence(1, 2);
    let started = case.run().await.unwrap();
    let _server = Ward::of(&started);
    assert_eq!(started.started_by.as_deref(), Some("task 7, epoch 2"));
}

#[tokio::test]
async fn a_server_that_dies_soon_is_reported_with_its_last_error() {
    let host = Host::new();
    let mut case = StartCase::new(&host, &["--die-after", "0.1", "--say", "port is taken"]);
    case.settle = Duration::from_secs(20);
    let error = case.run().await.unwrap_err();
    assert!(matches!(error, StartError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("port is taken"), "{error}");
    assert_nothing_runs(&host).await;
}

#[tokio::test]
async fn damaged_data_is_named() {
    let host = Host::new();
    let mut case = StartCase::new(
        &host,
        &["--die-after", "0", "--say", "start [errcode=-4070] bad"],
    );
    case.settle = Duration::from_secs(20);
    let error = case.run().await.unwrap_err();
    assert!(matches!(error, StartError::DataDamaged { .. }), "{error}");
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_reported_with_its_output() {
    let host = Host::new();
    let error = StartCase::new(&host, &["--no-such-option"])
        .run()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no-such-option"), "{error}");
}

#[tokio::test]
async fn a_greeting_ends_the_watch() {
    let host = Host::new();
    let mut case = StartCase::new(&host, &["--greet", "--listen", &host.sql_port.to_string()]);
    case.ip = Some("127.0.0.1".to_owned());
    case.settle = Duration::from_secs(3600);
    let _server = Ward::of(&case.run().await.unwrap());
}

#[tokio::test]
async fn a_start_that_is_canceled_while_it_watches_leaves_the_server() {
    let host = Host::new();
    let mut case = StartCase::new(&host, &[]);
    case.settle = Duration::from_secs(3600);
    let cancel = case.cancel.clone();
    let (log, mut lines) = RunLog::new();
    case.log = log;
    let canceling = async {
        while !lines.recv().await.unwrap().contains("watching") {}
        cancel.cancel();
    };
    let (end, ()) = tokio::join!(case.run(), canceling);
    let Err(StartError::Canceled {
        started: Some(identity),
    }) = end
    else {
        panic!("{end:?}");
    };
    assert_eq!(Ward(identity).0, host.found().await.identity);
}

#[tokio::test]
async fn a_directory_without_a_database_is_never_set_up() {
    let host = Host::new();
    std::fs::remove_file(host.base().join("etc/seekdb.data_version.bin")).unwrap();
    let error = StartCase::new(&host, &[]).run().await.unwrap_err();
    assert!(matches!(error, StartError::NotSetUp { .. }), "{error}");
}

#[tokio::test]
async fn a_started_server_that_ends_leaves_no_zombie() {
    let host = Host::new();
    let server = Ward::of(&StartCase::new(&host, &[]).run().await.unwrap());
    server.kill();
    let gone = async {
        while std::path::Path::new(&format!("/proc/{}", server.0.pid)).exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .unwrap();
}
