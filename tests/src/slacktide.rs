use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Api, Credentials, Exit, Process, Rest, directory, free_port, within};

const START_LIMIT: Duration = Duration::from_secs(30);
const END_LIMIT: Duration = Duration::from_secs(40);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse";

/// How `slacktide serve` is to be started.
#[derive(Debug, Default)]
pub struct Setup {
    settings: Vec<(String, String)>,
    once: Vec<(String, String)>,
    generated_password: bool,
    migrated: bool,
}

impl Setup {
    /// Adds a setting by its key: `executor.watch_window` becomes the environment variable
    /// `SLACKTIDE_EXECUTOR__WATCH_WINDOW`.
    #[must_use]
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.push((variable(key), value.to_owned()));
        self
    }

    /// The same for the first start alone: it is gone when the server is started again.
    #[must_use]
    pub fn once(mut self, key: &str, value: &str) -> Self {
        self.once.push((variable(key), value.to_owned()));
        self
    }

    /// Leaves it to the server to make a password for `admin`.
    #[must_use]
    pub fn generated_password(mut self) -> Self {
        self.generated_password = true;
        self
    }

    /// Brings the schema of the shared database up to date first.
    #[must_use]
    pub fn migrated(mut self) -> Self {
        self.migrated = true;
        self
    }

    /// Starts the server in a new directory and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(self) -> Result<Slacktide> {
        let home = directory()?;
        let mut environment = self.settings;
        if !self.generated_password {
            environment.push(("SLACKTIDE_ADMIN_PASSWORD".to_owned(), PASSWORD.to_owned()));
        }
        let ports = Ports {
            grpc: free_port()?,
            rest: free_port()?,
            admin: free_port()?,
        };
        if self.migrated {
            migrate(home.path(), &environment).await?;
        }
        let at_first = [environment.as_slice(), &self.once].concat();
        let process = launch(home.path(), ports, &at_first)?;
        let slacktide = Slacktide {
            process,
            home,
            ports,
            environment,
        };
        slacktide.wait_ready().await?;
        Ok(slacktide)
    }
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    grpc: u16,
    rest: u16,
    admin: u16,
}

/// `slacktide serve`, all roles in one process, with a data directory of its own. Killed on drop.
#[derive(Debug)]
pub struct Slacktide {
    // Declared before the directory: the process must be gone before its files are removed.
    process: Process,
    home: TempDir,
    ports: Ports,
    environment: Vec<(String, String)>,
}

impl Slacktide {
    /// Starts a server with the settings that it has by itself.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start() -> Result<Self> {
        Setup::default().start().await
    }

    /// Who `admin` is, unless the server made the password.
    #[must_use]
    pub fn admin() -> Credentials {
        Credentials::basic("admin", PASSWORD)
    }

    /// The gRPC services, called by `admin`.
    ///
    /// # Errors
    /// When the client can't be made.
    pub fn api(&self) -> Result<Api> {
        self.api_as(&Self::admin())
    }

    /// The gRPC services, called by somebody.
    ///
    /// # Errors
    /// When the client can't be made.
    pub fn api_as(&self, credentials: &Credentials) -> Result<Api> {
        Api::new(self.ports.grpc, credentials)
    }

    /// The REST gateway, called by `admin`.
    #[must_use]
    pub fn rest(&self) -> Rest {
        self.rest_as(&Self::admin())
    }

    /// The REST gateway, called by somebody.
    #[must_use]
    pub fn rest_as(&self, credentials: &Credentials) -> Rest {
        Rest::new(self.ports.rest, credentials)
    }

    /// The admin listener: health, readiness, metrics.
    #[must_use]
    pub fn admin_listener(&self) -> Rest {
        Rest::new(self.ports.admin, &Credentials::None)
    }

    /// Address of the gRPC listener, `host:port`.
    #[must_use]
    pub fn grpc_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.grpc)
    }

    /// Address of the REST listener, `host:port`.
    #[must_use]
    pub fn rest_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.rest)
    }

    /// The server's process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The server's data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        data_dir(self.home.path())
    }

    /// All that the server has written to its standard output and error, over all its starts.
    #[must_use]
    pub fn output(&self) -> String {
        std::fs::read_to_string(log_file(self.home.path())).unwrap_or_default()
    }

    /// Ends the server as a power failure would, and waits for its end.
    ///
    /// # Errors
    /// When it was gone already.
    pub async fn kill9(&self) -> Result<()> {
        self.process.signal(Signal::KILL)?;
        within(
            END_LIMIT,
            "end of slacktide after SIGKILL",
            self.process.exited(),
        )
        .await?;
        Ok(())
    }

    /// Asks the server to drain, and waits for its end.
    ///
    /// # Errors
    /// When it was gone already, or does not end.
    pub async fn sigterm(&self) -> Result<Exit> {
        self.process.signal(Signal::TERM)?;
        within(
            END_LIMIT,
            "end of slacktide after SIGTERM",
            self.process.exited(),
        )
        .await
    }

    /// Starts the server again after its end: same data, same ports.
    ///
    /// # Errors
    /// When it still runs, or does not become ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.restart_with(&[]).await
    }

    /// The same, with settings that this start alone has.
    ///
    /// # Errors
    /// When it still runs, or does not become ready.
    pub async fn restart_with(&mut self, once: &[(&str, &str)]) -> Result<()> {
        ensure!(!self.process.is_running(), "slacktide still runs");
        let once = once
            .iter()
            .map(|(key, value)| (variable(key), (*value).to_owned()));
        let environment: Vec<_> = self.environment.iter().cloned().chain(once).collect();
        self.process = launch(self.home.path(), self.ports, &environment)?;
        self.wait_ready().await
    }

    /// Runs a client verb of the command line as `admin`, for example `["cluster", "list"]`.
    ///
    /// # Errors
    /// When it can't be run, or does not end.
    pub async fn command(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = tokio::process::Command::new(binary()?);
        command
            .args(arguments)
            .env(
                "SLACKTIDE_ENDPOINT",
                format!("http://{}", self.grpc_address()),
            )
            .env("SLACKTIDE_USER", "admin")
            .env("SLACKTIDE_PASSWORD", PASSWORD)
            .env("OB_ROOT_PASSWORD", "")
            .kill_on_drop(true);
        let what = format!("slacktide {}", arguments.join(" "));
        within(COMMAND_LIMIT, &what, async { Ok(command.output().await?) }).await
    }

    /// Adds a user on the command line, which works on the data directory.
    ///
    /// # Errors
    /// When it fails.
    pub async fn add_user(&self, name: &str, role: &str, password: &str) -> Result<Credentials> {
        let mut command = tokio::process::Command::new(binary()?);
        command
            .args(["user", "add", name, "--role", role])
            .arg("--data-dir")
            .arg(self.data_dir())
            .env("SLACKTIDE_NEW_PASSWORD", password)
            .kill_on_drop(true);
        let output = command.output().await.context("slacktide user add")?;
        ensure!(output.status.success(), "slacktide user add: {output:?}");
        Ok(Credentials::basic(name, password))
    }

    async fn wait_ready(&self) -> Result<()> {
        let admin = self.admin_listener();
        within(START_LIMIT, "start slacktide", async {
            while !admin
                .get("/readyz")
                .await
                .is_ok_and(|answer| answer.status.is_success())
            {
                ensure!(self.process.is_running(), "it ended: {}", self.output());
                // Nothing that a user has announces that the server is ready.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        })
        .await
    }
}

fn variable(key: &str) -> String {
    format!("SLACKTIDE_{}", key.to_uppercase().replace('.', "__"))
}

/// The binary that the workspace built: it lies beside the directory of this test program.
fn binary() -> Result<PathBuf> {
    let test = std::env::current_exe().context("find this test program")?;
    let built = test
        .parent()
        .and_then(Path::parent)
        .context("find the build directory")?;
    let binary = built.join("slacktide");
    ensure!(
        binary.is_file(),
        "{} does not exist: run scripts/test, or `cargo build --workspace` first",
        binary.display()
    );
    Ok(binary)
}

fn data_dir(home: &Path) -> PathBuf {
    home.join("data")
}

fn log_file(home: &Path) -> PathBuf {
    home.join("slacktide.log")
}

async fn migrate(home: &Path, environment: &[(String, String)]) -> Result<()> {
    let mut command = tokio::process::Command::new(binary()?);
    command
        .arg("migrate")
        .arg("--data-dir")
        .arg(data_dir(home))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .kill_on_drop(true);
    let output = command.output().await.context("slacktide migrate")?;
    ensure!(output.status.success(), "slacktide migrate: {output:?}");
    Ok(())
}

fn launch(home: &Path, ports: Ports, environment: &[(String, String)]) -> Result<Process> {
    let mut command = Command::new(binary()?);
    command.arg("serve").arg("--data-dir").arg(data_dir(home));
    for (flag, port) in [
        ("--grpc-listen", ports.grpc),
        ("--rest-listen", ports.rest),
        ("--admin-listen", ports.admin),
    ] {
        command.arg(flag).arg(format!("127.0.0.1:{port}"));
    }
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    Process::spawn(&mut command, &log_file(home))
}
