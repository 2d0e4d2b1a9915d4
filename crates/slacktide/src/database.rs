//! The database that the settings name.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use slacktide_store::{Location, Store};

use crate::config::Settings;

/// Where the data lie: a SQLite file of one serving process, or a database that several share.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    location: Location,
}

impl Database {
    /// The database of the settings. A SQLite file need not be there yet.
    ///
    /// # Errors
    /// That the settings name none.
    pub(crate) fn of(settings: &Settings) -> anyhow::Result<Self> {
        let location = settings.location()?;
        Ok(Self { location })
    }

    /// The database of a server that was started before, for verbs that have nothing to do with any other.
    ///
    /// # Errors
    /// That there is no such file, or it cannot be looked for.
    pub(crate) fn existing(settings: &Settings) -> anyhow::Result<Self> {
        let found = Self::of(settings)?;
        if let Some(file) = found.file() {
            let exists = file
                .try_exists()
                .with_context(|| format!("cannot look for the database {}", file.display()))?;
            ensure!(
                exists,
                "there is no database in {}: give the --data-dir of the server, or start `slacktide serve` there once",
                directory(file).display()
            );
        }
        Ok(found)
    }

    /// Where the data lie.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// Whether several processes may use it at a time.
    pub(crate) fn is_shared(&self) -> bool {
        self.location.is_shared()
    }

    /// The directory of a SQLite file.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        self.file().map(directory)
    }

    /// Opens the database. A SQLite file is made, and brought up to date, if need be.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(crate) async fn open(&self) -> anyhow::Result<Store> {
        self.keep_private()?;
        let opened = Store::open(&self.location).await;
        opened.with_context(|| format!("cannot open the database {}", self.location))
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(crate) async fn migrate(&self) -> anyhow::Result<()> {
        self.keep_private()?;
        let migrated = Store::migrate(&self.location).await;
        migrated.with_context(|| format!("cannot migrate the database {}", self.location))
    }

    /// The file, if it is SQLite's.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.location.file()
    }

    /// Makes a SQLite file beforehand, so that it is never readable by others, whatever the umask.
    fn keep_private(&self) -> anyhow::Result<()> {
        let Some(file) = self.file() else {
            return Ok(());
        };
        let made = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(file);
        made.map(drop)
            .with_context(|| format!("cannot open the database {}", file.display()))
    }
}

fn directory(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn settings(data_dir: &Path) -> Settings {
        Settings {
            data_dir: data_dir.to_owned(),
            ..Settings::default()
        }
    }

    #[test]
    fn a_directory_without_a_database_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("mistyped")] {
            let refused = Database::existing(&settings(&path)).unwrap_err();
            let begin = format!("there is no database in {}: ", path.display());
            assert!(refused.to_string().starts_with(&begin), "{refused}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_database_that_was_made_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let made = Database::of(&settings(dir.path())).unwrap();
        made.open().await.unwrap().close().await;
        let found = Database::existing(&settings(dir.path())).unwrap();
        found.migrate().await.unwrap();
        found.open().await.unwrap().close().await;
        assert_eq!(found.directory().unwrap(), dir.path());
    }
}
