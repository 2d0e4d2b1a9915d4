use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use tokio::time::{sleep, timeout};

use crate::guard::{Guard, is_running};
use crate::kind::Kind;
use crate::ports::free_port;

const START_LIMIT: Duration = Duration::from_secs(90);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// How a server is to behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether a commit waits for the disk. Without, tests are faster and a loss of power would lose data;
    /// a kill of the server still loses none.
    pub durable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { durable: true }
    }
}

/// A server process of its own, with a directory of its own. Both are gone once this is dropped or the test
/// process has ended, be it by SIGKILL.
#[derive(Debug)]
pub struct Server<K> {
    guard: Guard,
    directory: PathBuf,
    options: Options,
    port: u16,
    pid: u32,
    kind: PhantomData<K>,
}

impl<K: Kind> Server<K> {
    /// Whether this machine can run such a server.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn available() -> Result<(), String> {
        K::available()
    }

    /// Makes a new server and waits until it serves requests.
    ///
    /// # Errors
    /// When it is not available or does not come up.
    pub async fn start(options: Options) -> Result<Self> {
        K::available().map_err(|reason| anyhow!("{}: {reason}", K::NAME))?;
        // Below a directory whose name begins with a dot, OceanBase starts once and never again.
        let directory = tempfile::Builder::new()
            .prefix("slacktide-test-")
            .tempdir()
            .context("make a directory")?;
        let mut server = Self {
            guard: Guard::new(directory.path())?,
            // The guard removes it.
            directory: directory.keep(),
            options,
            port: free_port()?,
            pid: 0,
            kind: PhantomData,
        };
        K::prepare(&server.directory, options)
            .await
            .with_context(|| format!("prepare {}", K::NAME))?;
        server.launch().await?;
        Ok(server)
    }

    /// Starts the server again after its end, with the same files and port, and waits until it serves requests.
    ///
    /// # Errors
    /// When it still runs or does not come up.
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(!self.is_running(), "{} still runs", K::NAME);
        // Also takes note of an end that came by itself.
        self.guard.kill()?;
        self.launch().await
    }

    /// Ends the server, with all of its processes, by SIGKILL, and waits until it is gone. Its files stay.
    ///
    /// # Errors
    /// When its guard is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.guard.kill()
    }

    /// Halts the server, with all of its processes, by SIGSTOP: connections stay and nothing answers.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn pause(&mut self) -> Result<()> {
        self.guard.pause()
    }

    /// Ends a pause, by SIGCONT.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn resume(&mut self) -> Result<()> {
        self.guard.resume()
    }

    /// What to tell clients; of a database server, without a database.
    #[must_use]
    pub fn url(&self) -> String {
        K::url(self.port)
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The number of the server's first process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the process has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        is_running(self.pid)
    }

    /// What the server printed since it was made.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.directory.join("output.log")).unwrap_or_default()
    }

    async fn launch(&mut self) -> Result<()> {
        let command = K::command(&self.directory, self.port, self.options)?;
        self.pid = self.guard.start(&command)?;
        let ready = timeout(START_LIMIT, self.ready()).await;
        ready.unwrap_or_else(|_| {
            Err(anyhow!(
                "{} is not ready after {START_LIMIT:?}: {}",
                K::NAME,
                self.output()
            ))
        })
    }

    async fn ready(&self) -> Result<()> {
        while !matches!(timeout(ANSWER_LIMIT, K::answers(self.port)).await, Ok(true)) {
            ensure!(self.is_running(), "{} ended: {}", K::NAME, self.output());
            // Nothing announces that a server is ready.
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
