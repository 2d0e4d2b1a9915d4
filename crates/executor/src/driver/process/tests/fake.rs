//! A host with one base directory, and processes that stand for its server.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use rustix::process::{Pid, kill_process};
use slacktide_engine::fence::Fence;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::driver::process::{
    Finding, Identity, Ladder, Launch, Limits, Process, ProcessDriver, StopError, StopOrder,
    Stopped, Target,
};
use crate::run_log::{Intents, RunLog, RunLost};

const SERVER: &str = include_str!("fake_server.py");

pub(super) struct Host {
    dir: TempDir,
    pub(super) sql_port: u16,
    pub(super) rpc_port: u16,
}

impl Host {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for part in ["etc", "store/sstable", "run", "bin", "log"] {
            std::fs::create_dir_all(dir.path().join("ob").join(part)).unwrap();
        }
        std::fs::write(dir.path().join("ob/etc/seekdb.data_version.bin"), "").unwrap();
        let [sql_port, rpc_port] = free_ports();
        Self {
            dir,
            sql_port,
            rpc_port,
        }
    }

    pub(super) fn base(&self) -> PathBuf {
        self.dir.path().join("ob")
    }

    pub(super) fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(super) fn driver(&self) -> ProcessDriver {
        self.driver_of(&self.base())
    }

    pub(super) fn driver_of(&self, base_dir: &Path) -> ProcessDriver {
        let target = Target {
            base_dir: base_dir.to_owned(),
            sql_port: self.sql_port,
            rpc_port: self.rpc_port,
        };
        ProcessDriver::new(target, &self.state_dir())
    }

    /// Starts a fake server and returns when it is up.
    pub(super) fn start(&self, arguments: &[&str]) -> Fake {
        self.start_as("seekdb", &self.base(), arguments)
    }

    pub(super) fn start_as(&self, program: &str, cwd: &Path, arguments: &[&str]) -> Fake {
        let mut command = python(&self.base().join("bin").join(program));
        command
            .args(["-c", SERVER])
            .args(arguments)
            .current_dir(cwd);
        Fake::start(&mut command)
    }

    /// Starts a process named like a supervisor that starts the fake server.
    pub(super) fn start_under(&self, supervisor: &str) -> Fake {
        let server = python(&self.base().join("bin/seekdb"))
            .get_program()
            .to_owned();
        let mut command = python(&self.base().join("bin").join(supervisor));
        let spawn = "import subprocess, sys; sys.exit(subprocess.Popen(sys.argv[1:]).wait())";
        command
            .args(["-c", spawn])
            .arg(server)
            .args(["-c", SERVER])
            .current_dir(self.base());
        Fake::start(&mut command)
    }

    /// How a fake server is launched that was launched like this before.
    pub(super) fn launch(&self, arguments: &[&str]) -> Launch {
        let command = python(&self.base().join("bin/seekdb"));
        let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
        let mut all = vec!["seekdb", "-c", SERVER];
        all.extend(arguments);
        Launch {
            exe: command.get_program().into(),
            arguments: all.into_iter().map(ToOwned::to_owned).collect(),
            environment: command
                .get_envs()
                .map(|(name, value)| (text(name), text(value.unwrap())))
                .collect(),
        }
    }

    /// The signals that fake servers received, in order.
    pub(super) fn signals(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.base().join("signals")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// The one server that runs.
    pub(super) async fn found(&self) -> Process {
        match self.driver().look().await {
            Finding::One(process) => *process,
            other => panic!("expected one server, found: {other}"),
        }
    }

    pub(super) fn stop(&self, identity: Option<Identity>) -> StopCase {
        StopCase::new(self.driver(), identity)
    }
}

pub(super) fn free_ports() -> [u16; 2] {
    let listeners = [0, 0].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Python under another program's name.
fn python(alias: &Path) -> Command {
    static REAL: OnceLock<(PathBuf, PathBuf)> = OnceLock::new();
    let (program, prefix) = REAL.get_or_init(|| {
        let ask =
            "import os, sys; print(os.path.realpath(sys._base_executable)); print(sys.base_prefix)";
        let output = Command::new("python3")
            .args(["-c", ask])
            .output()
            .expect("python3 is needed for this test");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines = text.lines().map(PathBuf::from);
        (lines.next().unwrap(), lines.next().unwrap())
    });
    if !alias.exists() && std::fs::hard_link(program, alias).is_err() {
        // Not copied by this process: a child forked meanwhile would keep the file open for
        // writing, and it could not run.
        assert!(
            Command::new("cp")
                .arg(program)
                .arg(alias)
                .status()
                .unwrap()
                .success()
        );
    }
    let mut command = Command::new(alias);
    command
        .env("PYTHONHOME", prefix)
        .env("LD_LIBRARY_PATH", prefix.join("lib"));
    command
}

/// A process that is killed when the test is over.
pub(super) struct Fake(pub(super) Child);

impl Fake {
    /// Runs a fake server and returns when it is up.
    pub(super) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    pub(super) fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Records intents; loses the run when told to.
#[derive(Default)]
pub(super) struct Intentions {
    pub(super) recorded: Mutex<Vec<String>>,
    pub(super) lost: bool,
}

impl Intents for Intentions {
    fn record<'a>(&'a self, intent: &'a str) -> BoxFuture<'a, Result<(), RunLost>> {
        self.recorded.lock().unwrap().push(intent.to_owned());
        Box::pin(std::future::ready(if self.lost {
            Err(RunLost)
        } else {
            Ok(())
        }))
    }
}

/// One call of `stop`, with short limits.
pub(super) struct StopCase {
    pub(super) driver: ProcessDriver,
    pub(super) identity: Option<Identity>,
    pub(super) fence: Fence,
    pub(super) limits: Limits,
    pub(super) graceful: bool,
    pub(super) watch: Option<Duration>,
    pub(super) intents: Intentions,
    pub(super) cancel: CancellationToken,
    log: RunLog,
    lines: UnboundedReceiver<String>,
}

impl StopCase {
    pub(super) fn new(driver: ProcessDriver, identity: Option<Identity>) -> Self {
        let (log, lines) = RunLog::new();
        Self {
            driver,
            identity,
            fence: Fence {
                generation: 1,
                epoch: 1,
            },
            limits: Limits {
                usr1: Duration::from_millis(300),
                term: Duration::from_millis(300),
                kill: Duration::from_secs(20),
            },
            graceful: true,
            watch: None,
            intents: Intentions::default(),
            cancel: CancellationToken::new(),
            log,
            lines,
        }
    }

    pub(super) async fn run(&self) -> Result<Stopped, StopError> {
        let ladder = if self.graceful {
            Ladder::graceful(self.limits)
        } else {
            Ladder::immediate(self.limits)
        };
        let order = StopOrder {
            identity: self.identity.clone(),
            fence: self.fence,
            ladder,
            watch: self.watch,
            log: &self.log,
            intents: &self.intents,
            cancel: &self.cancel,
        };
        self.driver.stop(order).await
    }

    pub(super) fn log_to(&mut self, log: RunLog) {
        self.log = log;
    }

    /// Waits for a line of the log that holds `text`.
    pub(super) async fn logged(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv().await.unwrap();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// All lines that were logged so far.
    pub(super) fn lines(&mut self) -> String {
        std::iter::from_fn(|| self.lines.try_recv().ok())
            .collect::<Vec<_>>()
            .join("\n")
    }
}
