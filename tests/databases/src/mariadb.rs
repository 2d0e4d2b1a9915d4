use std::path::Path;

use anyhow::Result;
use tokio::sync::OnceCell;

use crate::mysql;
use crate::programs::{is_root, need, run, text};
use crate::{Options, Server, kind::Kind};

/// A MariaDB server. Its user is `root`, without a password.
pub type MariaDb = Server<MariaDbKind>;

/// MariaDB as Debian or anybody else packages it.
#[derive(Debug)]
pub enum MariaDbKind {}

impl MariaDb {
    /// The one server of this test process. Started on the first call.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<MariaDb> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| Self::start(Options::default()))
            .await
    }

    /// The URL of a new empty database.
    ///
    /// # Errors
    /// When it can't be made.
    pub async fn fresh_database(&self) -> Result<String> {
        mysql::fresh_database(&self.url()).await
    }
}

impl Kind for MariaDbKind {
    const NAME: &'static str = "MariaDB";

    fn available() -> Result<(), String> {
        server()?;
        installer()?;
        Ok(())
    }

    async fn prepare(directory: &Path, _: Options) -> Result<()> {
        let mut command = vec![
            installer().map_err(anyhow::Error::msg)?,
            "--no-defaults".into(),
            "--auth-root-authentication-method=normal".into(),
            "--skip-test-db".into(),
            format!("--datadir={}", text(&directory.join("data"))),
        ];
        command.extend(user());
        run(&command, directory).await
    }

    fn command(directory: &Path, port: u16, options: Options) -> Result<Vec<String>> {
        let flush = if options.durable { 1 } else { 0 };
        let mut command = vec![
            server().map_err(anyhow::Error::msg)?,
            // First, or it is not understood.
            "--no-defaults".into(),
            format!("--datadir={}", text(&directory.join("data"))),
            format!("--socket={}", text(&directory.join("socket"))),
            format!("--port={port}"),
            "--bind-address=127.0.0.1".into(),
            "--skip-name-resolve".into(),
            // Cases run side by side, each with pools of its own.
            "--max-connections=400".into(),
            format!("--innodb-flush-log-at-trx-commit={flush}"),
        ];
        command.extend(user());
        Ok(command)
    }

    fn url(port: u16) -> String {
        mysql::url(port)
    }

    async fn answers(port: u16) -> bool {
        mysql::answers(&Self::url(port)).await
    }
}

fn server() -> Result<String, String> {
    let found = need(&["mariadbd", "mysqld"], &[], "the package mariadb-server")?;
    Ok(text(&found))
}

fn installer() -> Result<String, String> {
    let names = ["mariadb-install-db", "mysql_install_db"];
    let found = need(&names, &[], "the package mariadb-server")?;
    Ok(text(&found))
}

/// It runs as root only where it is told to.
fn user() -> Option<String> {
    is_root().then(|| "--user=root".to_owned())
}
