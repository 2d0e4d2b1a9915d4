//! The data directory: the database, the drivers' memory of their hosts, and the lock that admits one server.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use slacktide_store::{Location, Store};

/// A data directory that exists.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// Keeps any other server out of the data directory while it lives. The kernel lets go of it however the
/// process ends.
#[derive(Debug)]
#[must_use = "the directory is free again as soon as this is dropped"]
pub(crate) struct DataDirLock {
    _file: File,
}

impl DataDir {
    /// Makes the directory if need be, readable by its owner alone: it holds credentials.
    ///
    /// # Errors
    /// What cannot be made, and why.
    pub(crate) fn prepare(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot make the data directory {}", path.display()))?;
        let path = fs::canonicalize(path)
            .with_context(|| format!("cannot open the data directory {}", path.display()))?;
        Ok(Self { path })
    }

    /// The directory of a server that was started before, for verbs that have nothing to do in any other.
    ///
    /// # Errors
    /// That it has no database, or cannot be looked into.
    pub(crate) fn existing(path: &Path) -> anyhow::Result<Self> {
        let found = Self {
            path: path.to_owned(),
        };
        let database = found.database();
        let exists = database
            .try_exists()
            .with_context(|| format!("cannot look for the database {}", database.display()))?;
        ensure!(
            exists,
            "there is no database in {}: give the --data-dir of the server, or start `slacktide serve` there once",
            path.display()
        );
        Ok(found)
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("slacktide.db")
    }

    /// Where drivers remember their hosts.
    pub(crate) fn hosts(&self) -> PathBuf {
        self.path.join("hosts")
    }

    /// Opens the database and brings it up to date.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(crate) async fn open_store(&self) -> anyhow::Result<Store> {
        let file = self.database();
        // Made beforehand so that it is never readable by others, whatever the umask.
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&file)
            .with_context(|| format!("cannot open the database {}", file.display()))?;
        let opened = Store::open(&Location::sqlite(&file)).await;
        opened.with_context(|| format!("cannot open the database {}", file.display()))
    }

    /// Takes the directory for one serving process.
    ///
    /// # Errors
    /// That another process has it, by its id.
    pub(crate) fn lock(&self) -> anyhow::Result<DataDirLock> {
        let path = self.path.join("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                bail!(
                    "the data directory {} is in use by process {}: stop that one, or give this one another --data-dir",
                    self.path.display(),
                    holder.trim()
                );
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(DataDirLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_and_told_who_has_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::prepare(&dir.path().join("new/data")).unwrap();
        let lock = data_dir.lock().unwrap();
        let refused = data_dir.lock().unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        drop(lock);
        drop(data_dir.lock().unwrap());
    }

    #[test]
    fn a_directory_without_a_database_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("mistyped")] {
            let refused = DataDir::existing(&path).unwrap_err().to_string();
            let begin = format!("there is no database in {}: ", path.display());
            assert!(refused.starts_with(&begin), "{refused}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_directory_that_served_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let served = DataDir::prepare(dir.path()).unwrap();
        served.open_store().await.unwrap().close().await;
        let found = DataDir::existing(dir.path()).unwrap();
        found.open_store().await.unwrap().close().await;
    }
}
