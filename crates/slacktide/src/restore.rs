//! `slacktide restore`: makes an embedded database from a backup.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};

use crate::{config::Settings, data_dir::DataDir, database::Database};

/// Make the database of a data directory from a backup
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// File that `slacktide backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Restore {
    /// Carries the verb out.
    ///
    /// # Errors
    /// Why there is no database.
    pub(crate) async fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let database = Database::of(settings)?;
        let (Some(file), Some(directory)) = (database.file(), database.directory()) else {
            bail!(
                "{} is shared: restore it with the tools of that database",
                database.location()
            );
        };
        // A server that starts meanwhile would make a database of its own.
        let _lock = DataDir::prepare(&directory)?.lock()?;
        let restored = slacktide_store::restore(&self.file, file).await;
        restored.with_context(|| format!("cannot restore {}", database.location()))?;
        writeln!(
            std::io::stdout(),
            "restored {} from {}",
            database.location(),
            self.file.display()
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
