use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use slacktide_api::v1::ServerSpec;
use tempfile::TempDir;

use crate::{Process, directory, free_port, process_server, within};

const START_LIMIT: Duration = Duration::from_secs(90);
const SIZES: [&str; 3] = [
    "datafile_size=256M",
    "datafile_maxsize=1G",
    "log_disk_size=2G",
];
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A real database server process in a directory of its own. Killed, and its directory removed, on drop.
#[derive(Debug)]
pub struct Engine {
    // Declared before the directory: the process must be gone before its files are removed.
    process: Process,
    home: PathBuf,
    directory: TempDir,
    sql_port: u16,
}

impl Engine {
    /// Starts a server from the engine unpacked in `home` (see [`crate::with_engine`]) and waits until it
    /// answers a query.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(home: &Path) -> Result<Self> {
        let engine = Self::launch_new(home)?;
        engine.wait_ready().await?;
        Ok(engine)
    }

    /// Starts several servers at once.
    ///
    /// # Errors
    /// When one does not come up.
    pub async fn start_many<const N: usize>(home: &Path) -> Result<[Self; N]> {
        let engines = (0..N)
            .map(|_| Self::launch_new(home))
            .collect::<Result<Vec<_>>>()?;
        for engine in &engines {
            engine.wait_ready().await?;
        }
        engines
            .try_into()
            .map_err(|_| anyhow::anyhow!("start {N} servers"))
    }

    fn launch_new(home: &Path) -> Result<Self> {
        let directory = directory()?;
        std::fs::create_dir(directory.path().join("ob"))?;
        let sql_port = free_port()?;
        let process = launch(home, directory.path(), sql_port)?;
        Ok(Self {
            process,
            home: home.to_owned(),
            directory,
            sql_port,
        })
    }

    /// Starts the server again after it ended, with the same files and port, and waits until it answers.
    ///
    /// # Errors
    /// When it still runs, or does not come up.
    pub async fn restart(&mut self) -> Result<()> {
        self.relaunch()?;
        self.wait_ready().await
    }

    /// Starts the server again after it ended, and does not wait for anything.
    ///
    /// # Errors
    /// When it still runs, or can't be started.
    pub fn relaunch(&mut self) -> Result<()> {
        ensure!(!self.process.is_running(), "the server still runs");
        self.process = launch(&self.home, self.directory.path(), self.sql_port)?;
        Ok(())
    }

    /// The server's process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The directory that holds the server's `etc/`, `run/` and `store/`.
    #[must_use]
    pub fn base_dir(&self) -> PathBuf {
        self.directory.path().join("ob")
    }

    /// The file in which the server keeps its pid, also after its end.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.base_dir().join("run/seekdb.pid")
    }

    /// What a cluster says of this server.
    #[must_use]
    pub fn spec(&self) -> ServerSpec {
        process_server(self.sql_port, &self.base_dir())
    }

    /// Opens a session as root.
    ///
    /// # Errors
    /// When the server does not answer within a few seconds. A stopped process accepts the connection and
    /// never greets.
    pub async fn connect(&self) -> Result<Conn> {
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.sql_port)
            .user(Some("root"))
            .prefer_socket(false);
        within(ANSWER_LIMIT, "connect to the database server", async {
            Ok(Conn::new(Opts::from(options)).await?)
        })
        .await
    }

    /// The process that serves now: this engine's own, or one that slacktide started in its place.
    #[must_use]
    pub fn server_pid(&self) -> Option<u32> {
        let pid = std::fs::read_to_string(self.pid_file())
            .ok()?
            .trim()
            .parse()
            .ok()?;
        let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        let real = self.base_dir().canonicalize().ok()?;
        (cwd == real && !is_zombie(pid)).then_some(pid)
    }

    /// Ends, with SIGKILL, the process that serves now.
    ///
    /// # Errors
    /// When none does.
    pub fn kill9(&self) -> Result<()> {
        let pid = self.server_pid().context("no process serves")?;
        let pid = Pid::from_raw(i32::try_from(pid)?).context("a pid is never 0")?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        // Only now is the number certain not to pass to another process.
        ensure!(self.server_pid().is_some(), "the process ended by itself");
        Ok(pidfd_send_signal(&pidfd, Signal::KILL)?)
    }

    /// Waits until the server answers a query, whoever started it.
    ///
    /// # Errors
    /// When it does not.
    pub async fn serves(&self) -> Result<()> {
        within(START_LIMIT, "a database server that answers", async {
            while !self.answers().await {
                // Nothing announces that the server is ready.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        })
        .await
    }

    async fn wait_ready(&self) -> Result<()> {
        within(START_LIMIT, "start a database server", async {
            while !self.answers().await {
                ensure!(self.process.is_running(), "it ended: {}", self.output());
                // Nothing announces that the server is ready.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        })
        .await
    }

    async fn answers(&self) -> bool {
        let Ok(mut session) = self.connect().await else {
            return false;
        };
        let answer = session.query_first::<u8, _>("SELECT 1").await;
        let _ = session.disconnect().await;
        matches!(answer, Ok(Some(1)))
    }

    fn output(&self) -> String {
        std::fs::read_to_string(log_file(self.directory.path())).unwrap_or_default()
    }
}

impl Drop for Engine {
    /// What slacktide started in the engine's place is nobody's child here.
    fn drop(&mut self) {
        if self.server_pid().is_some() {
            let _ = self.kill9();
        }
    }
}

/// Whether a process is only waiting to be reaped.
fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next().map(str::to_owned));
    state.as_deref() == Some("Z")
}

fn log_file(directory: &Path) -> PathBuf {
    directory.join("output.log")
}

fn launch(home: &Path, directory: &Path, sql_port: u16) -> Result<Process> {
    let package = home.join("pylibseekdb");
    let libraries = format!(
        "{}:{}",
        package.display(),
        home.join("pylibseekdb.libs").display()
    );
    let mut command = Command::new(package.join("seekdb"));
    command
        .env("LD_LIBRARY_PATH", libraries)
        .arg("--nodaemon")
        .args(["-P", &sql_port.to_string()])
        .arg("--base-dir")
        .arg(directory.join("ob"));
    // Sizes are for a new directory; with an initialised one the server refuses them.
    if std::fs::read_dir(directory.join("ob"))?.next().is_none() {
        for size in SIZES {
            command.args(["--parameter", size]);
        }
    }
    Process::spawn(&mut command, &log_file(directory))
}
