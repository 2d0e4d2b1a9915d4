use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::sync::OnceCell;

use crate::mysql;
use crate::programs::{setting, text};
use crate::{Options, Server, kind::Kind};

/// A server of the OceanBase engine, one node. Its user is `root`, without a password.
pub type OceanBase = Server<OceanBaseKind>;

/// The engine that `scripts/test` fetches.
#[derive(Debug)]
pub enum OceanBaseKind {}

/// Names the directory into which `scripts/test` unpacked the engine.
const HOME: &str = "SLACKTIDE_TEST_ENGINE";
const SIZES: [&str; 3] = [
    "datafile_size=256M",
    "datafile_maxsize=1G",
    "log_disk_size=2G",
];

impl OceanBase {
    /// The one server of this test process. Started on the first call.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<OceanBase> = OnceCell::const_new();
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

impl Kind for OceanBaseKind {
    const NAME: &'static str = "OceanBase";

    fn available() -> Result<(), String> {
        let program = home()?.join("seekdb");
        if !program.is_file() {
            return Err(format!("{HOME}: there is no {}", program.display()));
        }
        Ok(())
    }

    async fn prepare(directory: &Path, _: Options) -> Result<()> {
        Ok(std::fs::create_dir(directory.join("ob"))?)
    }

    fn command(directory: &Path, port: u16, _: Options) -> Result<Vec<String>> {
        let package = home().map_err(anyhow::Error::msg)?;
        let base = directory.join("ob");
        let libraries = package.with_file_name("pylibseekdb.libs");
        let mut command = vec![
            "env".into(),
            format!("LD_LIBRARY_PATH={}:{}", text(&package), text(&libraries)),
            text(&package.join("seekdb")),
            "--nodaemon".into(),
            "-P".into(),
            port.to_string(),
            "--base-dir".into(),
            text(&base),
        ];
        // Sizes are for a new directory; with an initialised one the server refuses them.
        if std::fs::read_dir(&base)?.next().is_none() {
            for size in SIZES {
                command.extend(["--parameter".into(), size.into()]);
            }
        }
        Ok(command)
    }

    fn url(port: u16) -> String {
        mysql::url(port)
    }

    async fn answers(port: u16) -> bool {
        mysql::answers(&Self::url(port)).await
    }
}

fn home() -> Result<PathBuf, String> {
    let home = setting(HOME).ok_or_else(|| format!("{HOME} is not set; scripts/test sets it"))?;
    Ok(PathBuf::from(home).join("pylibseekdb"))
}
