//! The data directory: what a serving process keeps on its machine, and the lock that admits one of them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

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

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
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
}
