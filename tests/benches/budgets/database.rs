//! The databases that are measured, and servers on them.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use slacktide_test_databases::Postgres;
use slacktide_tests::{Setup, Slacktide};
use tempfile::TempDir;

pub(crate) struct Database {
    pub(crate) kind: Kind,
    /// Where simulated hosts keep their states: in memory where that can be had, since making and writing
    /// thousands of small files is the simulation's cost.
    hosts: TempDir,
    served: AtomicUsize,
}

pub(crate) enum Kind {
    Sqlite,
    Postgres(&'static Postgres),
}

impl Database {
    /// SQLite, and PostgreSQL where it is installed.
    pub(crate) async fn available() -> Result<Vec<Self>> {
        let mut databases = vec![Self::new(Kind::Sqlite)?];
        match Postgres::available() {
            Ok(()) => databases.push(Self::new(Kind::Postgres(Postgres::shared().await?))?),
            Err(reason) => println!("PostgreSQL is not measured: {reason}"),
        }
        Ok(databases)
    }

    fn new(kind: Kind) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let hosts = match memory.is_dir() {
            true => TempDir::new_in(memory)?,
            false => TempDir::new()?,
        };
        Ok(Self {
            kind,
            hosts,
            served: AtomicUsize::new(0),
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "SQLite",
            Kind::Postgres(_) => "PostgreSQL",
        }
    }

    /// A server with an empty database.
    pub(crate) async fn serve(&self) -> Result<Slacktide> {
        let number = self.served.fetch_add(1, Ordering::Relaxed);
        let hosts = self.hosts.path().join(number.to_string());
        let setup = Setup::default()
            .setting("log.filter", "warn")
            .setting("executor.observe_interval", "0")
            .setting("executor.state_dir", &hosts.display().to_string());
        match &self.kind {
            Kind::Sqlite => setup.start().await,
            Kind::Postgres(postgres) => {
                let url = postgres.fresh_database().await?;
                setup.setting("database.url", &url).migrated().start().await
            }
        }
    }
}
