//! `slacktide backup`: copies the embedded database, also while a server uses it.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;

use crate::{config::Settings, database::Database};

/// Copy the database of the data directory into a new file
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// File to write, which must not exist yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Backup {
    /// Carries the verb out.
    ///
    /// # Errors
    /// Why there is no copy.
    pub(crate) async fn run(self, settings: &Settings) -> anyhow::Result<ExitCode> {
        let database = Database::existing(settings)?;
        let copied = slacktide_store::backup(database.location(), &self.file).await;
        copied.with_context(|| format!("cannot back up {}", database.location()))?;
        writeln!(
            std::io::stdout(),
            "copied {} to {}",
            database.location(),
            self.file.display()
        )?;
        Ok(ExitCode::SUCCESS)
    }
}
