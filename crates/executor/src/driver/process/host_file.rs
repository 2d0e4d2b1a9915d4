//! The file in which this host remembers a base directory, and the lock on it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::marker::PhantomData;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::blocking;
use super::error::FenceError;
use super::procfs;
use super::state::State;

/// The lock is held for a few writes, or for the seconds in which a server that was started becomes visible; whoever
/// holds it longer is stuck or was stopped.
pub(in crate::driver) const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(5);
/// A write of one block is never seen half done by another process. The state fits many times.
const BLOCK: usize = 4096;

/// The file of one base directory, outside of it: its `flock` is the lock, its content the state.
///
/// It is overwritten in place, one block at a time, and never replaced: a lock belongs to an inode,
/// and a block that is there already becomes durable without a commit of the file system's journal,
/// which a busy database on the same disk makes slow.
#[derive(Clone, Debug)]
pub(in crate::driver) struct HostFile<S = State> {
    path: PathBuf,
    state: PhantomData<S>,
}

impl HostFile {
    /// Names the file by a hash of the base directory without symbolic links. The directory itself
    /// may be missing: its disk may come back while an executor that was paused still means to
    /// signal.
    pub(super) fn of(state_dir: &Path, base_dir: &Path) -> Result<Self, FenceError> {
        let real = real_path(base_dir).map_err(|source| FenceError::Io {
            path: base_dir.to_owned(),
            source,
        })?;
        let digest = Sha256::digest(real.as_os_str().as_encoded_bytes());
        let name: String = digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self::at(state_dir.join(format!("{name}.json"))))
    }
}

impl<S: Default + DeserializeOwned> HostFile<S> {
    /// The file of this path.
    pub(in crate::driver) fn at(path: PathBuf) -> Self {
        let state = PhantomData;
        Self { path, state }
    }

    /// Takes the lock, for a compare and an act and no longer; gives up after `wait`.
    pub(in crate::driver) async fn lock(&self, wait: Duration) -> Result<Locked<S>, FenceError> {
        let file = self.open().map_err(|source| self.unusable(source))?;
        let lock = self
            .wait_for(file, FlockOperation::NonBlockingLockExclusive, wait)
            .await?;
        let state = self.read(&lock)?;
        Ok(Locked {
            fresh: state.is_none(),
            state: state.unwrap_or_default(),
            lock,
            path: self.path.clone(),
        })
    }

    /// What the state is now. Makes no file where there is none.
    pub(in crate::driver) async fn peek(&self, wait: Duration) -> Result<S, FenceError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(S::default()),
            Err(error) => return Err(self.unusable(error)),
        };
        let lock = self
            .wait_for(file, FlockOperation::NonBlockingLockShared, wait)
            .await?;
        Ok(self.read(&lock)?.unwrap_or_default())
    }

    async fn wait_for(
        &self,
        file: File,
        operation: FlockOperation,
        wait: Duration,
    ) -> Result<Lock, FenceError> {
        let deadline = Instant::now() + wait;
        loop {
            match flock(&file, operation) {
                Ok(()) => return Ok(Lock(file)),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => {
                    tokio::time::sleep(LOCK_POLL).await;
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    return Err(FenceError::LockTimeout {
                        path: self.path.clone(),
                        wait,
                        holder: holder(&file),
                    });
                }
                Err(error) => return Err(self.unusable(error.into())),
            }
        }
    }

    /// The state; `None` for a file that was only just made.
    fn read(&self, lock: &Lock) -> Result<Option<S>, FenceError> {
        let mut text = Vec::new();
        (&lock.0)
            .read_to_end(&mut text)
            .map_err(|source| self.unusable(source))?;
        if text.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| FenceError::Damaged {
                path: self.path.clone(),
                source,
            })
    }

    fn unusable(&self, source: io::Error) -> FenceError {
        FenceError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600);
        match (options.open(&self.path), self.path.parent()) {
            (Err(error), Some(dir)) if error.kind() == io::ErrorKind::NotFound => {
                let mut builder = std::fs::DirBuilder::new();
                builder.recursive(true).mode(0o700).create(dir)?;
                options.open(&self.path)
            }
            (opened, _) => opened,
        }
    }
}

/// Lets go when dropped, also of the copies that a child has for an instant between fork and exec.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// The state, while no other executor of this host can change it.
#[derive(Debug)]
pub(in crate::driver) struct Locked<S = State> {
    pub(in crate::driver) state: S,
    /// Whether the file was made just now: then its name is not durable yet.
    fresh: bool,
    lock: Lock,
    path: PathBuf,
}

impl<S: Serialize> Locked<S> {
    /// Makes the state durable.
    pub(super) fn save(&self) -> Result<(), FenceError> {
        self.write()
            .and_then(|()| self.sync())
            .map_err(|source| self.unusable(source))
    }

    /// Writes the state so that it outlives this process, and not the host.
    pub(in crate::driver) fn keep(&self) -> Result<(), FenceError> {
        self.write().map_err(|source| self.unusable(source))
    }

    fn unusable(&self, source: io::Error) -> FenceError {
        FenceError::Io {
            path: self.path.clone(),
            source,
        }
    }

    /// Makes the state durable and lets go of the lock, without holding up other work meanwhile.
    pub(super) async fn save_elsewhere(self) -> Result<(), FenceError>
    where
        S: Send + 'static,
    {
        let path = self.path.clone();
        blocking(move || self.save())
            .await
            .unwrap_or_else(|reason| {
                Err(FenceError::Io {
                    path,
                    source: io::Error::other(reason),
                })
            })
    }

    fn write(&self) -> io::Result<()> {
        let mut text = serde_json::to_vec(&self.state)?;
        text.resize(text.len().max(BLOCK), b' ');
        self.lock.0.write_all_at(&text, 0)
    }

    fn sync(&self) -> io::Result<()> {
        self.lock.0.sync_data()?;
        match self.path.parent() {
            Some(dir) if self.fresh => File::open(dir)?.sync_all(),
            _ => Ok(()),
        }
    }
}

/// Who holds the lock, for a message.
fn holder(file: &File) -> String {
    let pid = file.metadata().ok().and_then(|meta| {
        let locks = std::fs::read_to_string("/proc/locks").ok()?;
        procfs::flock_holder(&locks, meta.dev(), meta.ino())
    });
    match pid {
        Some(pid) => format!(
            "pid {pid} ({})",
            procfs::name(pid).unwrap_or_else(|_| "not to be seen".into())
        ),
        None => "a process that cannot be seen".into(),
    }
}

/// The path without symbolic links, also where its last components are missing.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let mut missing: Vec<OsString> = Vec::new();
    let mut existing = std::path::absolute(path)?;
    loop {
        match existing.canonicalize() {
            Ok(real) => {
                return Ok(missing
                    .iter()
                    .rev()
                    .fold(real, |path, name| path.join(name)));
            }
            // A link that leads nowhere may lead somewhere once a disk is back: its name would be
            // another one then.
            Err(error) if error.kind() != io::ErrorKind::NotFound || existing.is_symlink() => {
                return Err(error);
            }
            Err(error) => match existing.file_name() {
                Some(name) => missing.push(name.to_owned()),
                None => return Err(error),
            },
        }
        existing.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::super::identity::Identity;
    use super::super::ladder::Signal;
    use super::super::state::Sent;
    use super::*;
    use slacktide_engine::fence::Fence;

    #[test]
    fn a_directory_has_the_same_files_by_each_of_its_names_and_while_it_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("ob1");
        let before = HostFile::of(dir.path(), &base).unwrap();
        std::fs::create_dir(&base).unwrap();
        std::os::unix::fs::symlink(&base, dir.path().join("link")).unwrap();
        let direct = HostFile::of(dir.path(), &base).unwrap();
        let linked = HostFile::of(dir.path(), &dir.path().join("link")).unwrap();
        let other = HostFile::of(dir.path(), &dir.path().join("ob2")).unwrap();
        assert_eq!((&before.path, &direct.path), (&direct.path, &linked.path));
        assert_ne!(direct.path, other.path);
        std::fs::remove_dir(&base).unwrap();
        assert!(HostFile::of(dir.path(), &dir.path().join("link")).is_err());
    }

    #[tokio::test]
    async fn what_was_saved_is_read_again_and_a_damaged_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let files = HostFile::of(dir.path(), &dir.path().join("ob1")).unwrap();
        let mut locked = files.lock(LOCK_WAIT).await.unwrap();
        let fence = Fence {
            generation: 3,
            epoch: 4,
        };
        let identity = Identity {
            boot_id: "b".into(),
            pid: 7,
            start_time: 9,
            exe_dev: 1,
            exe_ino: 2,
            base_dir: "/ob".into(),
            uid: 0,
        };
        locked.state.raise(fence);
        locked
            .state
            .sent
            .push(Sent::new(Signal::Term, &identity, fence, true));
        locked.save().unwrap();
        let saved = locked.state.clone();
        drop(locked);
        let mut locked = files.lock(LOCK_WAIT).await.unwrap();
        assert_eq!(locked.state, saved);
        locked.state.sent.clear();
        locked.save().unwrap();
        drop(locked);
        assert_eq!(files.lock(LOCK_WAIT).await.unwrap().state.sent, []);
        std::fs::write(&files.path, "{").unwrap();
        assert!(matches!(
            files.lock(LOCK_WAIT).await,
            Err(FenceError::Damaged { .. })
        ));
    }

    #[tokio::test]
    async fn waiting_for_the_lock_is_bounded_and_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let files = HostFile::of(dir.path(), &dir.path().join("ob1")).unwrap();
        let held = files.lock(LOCK_WAIT).await.unwrap();
        let error = files.lock(Duration::from_millis(20)).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("pid {}", std::process::id())),
            "{error}"
        );
        drop(held);
        files.lock(Duration::ZERO).await.unwrap();
    }
}
