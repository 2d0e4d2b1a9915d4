//! The databases that are measured, and servers on them.

use anyhow::Result;
use slacktide_test_databases::Postgres;
use slacktide_tests::{Setup, Slacktide};

pub(crate) enum Database {
    Sqlite,
    Postgres(&'static Postgres),
}

impl Database {
    /// SQLite, and PostgreSQL where it is installed.
    pub(crate) async fn available() -> Result<Vec<Self>> {
        let mut databases = vec![Self::Sqlite];
        match Postgres::available() {
            Ok(()) => databases.push(Self::Postgres(Postgres::shared().await?)),
            Err(reason) => println!("PostgreSQL is not measured: {reason}"),
        }
        Ok(databases)
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// A server with an empty database.
    pub(crate) async fn serve(&self) -> Result<Slacktide> {
        let setup = Setup::default()
            .setting("log.filter", "warn")
            .setting("executor.observe_interval", "0");
        match self {
            Self::Sqlite => setup.start().await,
            Self::Postgres(postgres) => {
                let url = postgres.fresh_database().await?;
                setup.setting("database.url", &url).migrated().start().await
            }
        }
    }
}
