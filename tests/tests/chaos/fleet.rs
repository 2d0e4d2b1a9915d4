//! The processes in the storm: two servers and three executors on a shared database, or one of everything on SQLite.

use std::path::PathBuf;

use anyhow::Result;
use slacktide_tests::{Api, Setup, Slacktide, directory};
use tempfile::TempDir;

/// As short as it may be: halted processes are to lose their leases.
const LEASE: &str = "1";
const TICK: &str = "0.2";

const SERVERS: usize = 2;
const EXECUTORS: usize = 3;

pub(crate) struct Fleet {
    pub(crate) processes: Vec<Slacktide>,
    apis: Vec<Api>,
    /// What executors remember of their hosts, simulated ones included.
    pub(crate) state_dir: PathBuf,
    _home: TempDir,
}

/// The servers, as clients know them.
#[derive(Clone)]
pub(crate) struct Calls(pub(crate) Vec<Api>);

impl Fleet {
    pub(crate) async fn start(database: Option<String>) -> Result<Self> {
        let home = directory()?;
        let state_dir = home.path().join("hosts");
        let setup = || {
            Setup::default()
                .setting("executor.lease_ttl", LEASE)
                .setting("executor.tick", TICK)
                .setting("executor.state_dir", &state_dir.display().to_string())
                .setting("host", "chaos")
                .setting("log.filter", "warn")
        };
        let mut processes = Vec::new();
        let mut servers = 1;
        match database {
            None => processes.push(setup().start().await?),
            Some(url) => {
                servers = SERVERS;
                let shared = |roles: &str| {
                    let roles = setup().setting("roles", roles);
                    roles.setting("database.url", &url)
                };
                processes.push(shared("server,gateway").migrated().start().await?);
                for _ in 1..SERVERS {
                    processes.push(shared("server,gateway").start().await?);
                }
                for _ in 0..EXECUTORS {
                    processes.push(shared("executor").start().await?);
                }
            }
        }
        let apis = processes[..servers].iter().map(Slacktide::api);
        Ok(Self {
            apis: apis.collect::<Result<_>>()?,
            processes,
            state_dir,
            _home: home,
        })
    }

    pub(crate) fn calls(&self) -> Calls {
        Calls(self.apis.clone())
    }
}
