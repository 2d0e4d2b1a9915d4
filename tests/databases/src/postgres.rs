use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use crate::programs::{is_root, need, run, text};
use crate::{Options, Server, kind::Kind};

/// A PostgreSQL server. Its superuser is `postgres`, without a password.
pub type Postgres = Server<PostgresKind>;

/// PostgreSQL as Debian or anybody else packages it.
#[derive(Debug)]
pub enum PostgresKind {}

/// Who runs the server where the tests run as root, which it refuses to.
const USER: &str = "postgres";

impl Postgres {
    /// The one server of this test process. Started on the first call.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| Self::start(Options::default()))
            .await
    }

    /// The URL of a new empty database.
    ///
    /// # Errors
    /// When it can't be made.
    pub async fn fresh_database(&self) -> Result<String> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("case_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut session = PgConnection::connect(&format!("{}/postgres", self.url()))
            .await
            .context("connect to PostgreSQL")?;
        session
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .with_context(|| format!("create the database {name}"))?;
        session.close().await?;
        Ok(format!("{}/{name}", self.url()))
    }
}

impl Kind for PostgresKind {
    const NAME: &'static str = "PostgreSQL";

    fn available() -> Result<(), String> {
        program("initdb")?;
        program("postgres")?;
        Ok(())
    }

    async fn prepare(directory: &Path, _: Options) -> Result<()> {
        if is_root() {
            let owner = format!("{USER}:");
            run(&["chown".into(), owner, text(directory)], directory).await?;
        }
        let mut command = as_user();
        command.push(program("initdb").map_err(anyhow::Error::msg)?);
        let data = text(&directory.join("data"));
        // The files need not survive a loss of power before the first test begins.
        for argument in ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"] {
            command.push(argument.to_owned());
        }
        command.extend(["-U".into(), "postgres".into(), "-D".into(), data]);
        run(&command, directory).await
    }

    fn command(directory: &Path, port: u16, options: Options) -> Result<Vec<String>> {
        let mut command = as_user();
        command.push(program("postgres").map_err(anyhow::Error::msg)?);
        command.extend(["-D".into(), text(&directory.join("data"))]);
        command.extend(["-p".into(), port.to_string()]);
        let mut settings = vec![
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            // Cases run side by side, each with pools of its own.
            "max_connections=400",
        ];
        if !options.durable {
            settings.extend([
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
            ]);
        }
        for setting in settings {
            command.extend(["-c".into(), setting.to_owned()]);
        }
        Ok(command)
    }

    fn url(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}")
    }

    async fn answers(port: u16) -> bool {
        let session = PgConnection::connect(&format!("{}/postgres", Self::url(port))).await;
        match session {
            Ok(session) => session.close().await.is_ok(),
            Err(_) => false,
        }
    }
}

fn program(name: &str) -> Result<String, String> {
    let found = need(&[name], &installed(), "the package postgresql")?;
    Ok(text(&found))
}

/// Where Debian keeps the programs of each installed version, the newest first.
fn installed() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut versions: Vec<_> = versions.flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.parse::<u32>().ok())
    });
    versions.iter().rev().map(|path| path.join("bin")).collect()
}

fn as_user() -> Vec<String> {
    if !is_root() {
        return Vec::new();
    }
    ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"]
        .map(str::to_owned)
        .to_vec()
}
