//! A server process on this executor's own host.
//!
//! Which process serves a base directory is answered by the record lock that a server holds for
//! life, and by what `/proc` shows; the pid file's content is never believed and the file never
//! removed, since a second server would then open the same data. A signal goes through a pidfd to a
//! process that was verified after the pidfd was opened, and only while no later run has raised the
//! fence of this base directory on this host.

mod base_dir;
mod check;
mod command;
mod dying;
mod ended;
mod error;
mod find;
mod finding;
mod handle;
pub(super) mod host_file;
mod identity;
mod ladder;
mod last_words;
mod log_tail;
mod obstacle;
mod owner;
mod ports;
mod prepared;
mod procfs;
mod send;
mod sock_diag;
mod spawn;
mod start;
mod start_error;
mod state;
mod stop;
mod watch;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use slacktide_engine::fence::Fence;

use crate::crash_point;

pub use error::{CheckError, FenceError, Restart, StopError};
pub use finding::Finding;
pub use identity::{Identity, Launch, Parent, Process};
pub use ladder::{Ladder, Limits, Rung, Signal};
pub use last_words::LastWords;
pub use owner::Owner;
pub use ports::PortHolder;
pub use start::{StartOrder, Started};
pub use start_error::StartError;
pub use stop::{StopOrder, Stopped};

use host_file::HostFile;
use prepared::Prepared;

/// A server, as it was registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Directory in which the server runs.
    pub base_dir: PathBuf,
    /// Port of the MySQL protocol.
    pub sql_port: u16,
    /// Port between servers. A single-node engine does not listen on it.
    pub rpc_port: u16,
}

impl Target {
    fn ports(&self) -> [u16; 2] {
        [self.sql_port, self.rpc_port]
    }
}

/// Looks after one server on this host.
#[derive(Clone, Debug)]
pub struct ProcessDriver {
    target: Target,
    state_dir: PathBuf,
    systemctl: PathBuf,
    lock_wait: Duration,
}

impl ProcessDriver {
    /// Makes a driver that keeps its memory of fences and signals in a file in `state_dir`.
    ///
    /// All executors of a host must use the same `state_dir`: the fence reaches no further.
    pub fn new(target: Target, state_dir: &Path) -> Self {
        Self {
            target,
            state_dir: state_dir.to_owned(),
            systemctl: "systemctl".into(),
            lock_wait: host_file::LOCK_WAIT,
        }
    }

    /// Asks whether this executor may read, lock and signal this base directory. A server that is
    /// down is fine.
    ///
    /// # Errors
    /// [`CheckError`] names the right or the file that is missing.
    pub async fn check(&self) -> Result<(), CheckError> {
        check::check(self).await
    }

    /// Looks which server runs, if any. Changes nothing.
    pub async fn look(&self) -> Finding {
        match self.find().await {
            Finding::One(mut process) => {
                process.owner = owner::owner_of(&process, &self.systemctl).await;
                Finding::One(process)
            }
            finding => finding,
        }
    }

    /// Stops the server, and returns when it is proven gone.
    ///
    /// A run that continues a broken one sends no signal again that went to the same process under
    /// the same generation, but waits for what is left of its limit.
    ///
    /// # Errors
    /// [`StopError`] says what kept it from that; its text tells the operator what to do.
    pub async fn stop(&self, order: StopOrder<'_>) -> Result<Stopped, StopError> {
        stop::stop(self, order).await
    }

    /// Starts the server, or finds that it runs already, and returns when it has stayed for a while.
    ///
    /// A server that got a signal, whoever sent it from this host, is not one that runs already: its end is waited
    /// for, within that signal's limit, and then it is started.
    ///
    /// Starts of one directory exclude each other on this host: the lock of its state file is held from the
    /// last look until the new process can be seen by the next one. An existing database is started and never
    /// set up or bootstrapped.
    ///
    /// # Errors
    /// [`StartError`] says what kept it from that; its text tells the operator what to do.
    pub async fn start(&self, order: StartOrder<'_>) -> Result<Started, StartError> {
        start::start(self, order).await
    }

    /// Asks whether the server could be started again, as it ran before if that is known. A server that runs
    /// is fine.
    ///
    /// # Errors
    /// [`StartError`] names what is missing.
    pub async fn check_start(&self, launch: Option<Launch>) -> Result<(), StartError> {
        Prepared::of(self, launch).await.map(drop)
    }

    /// Raises the fence on this host: when this returns, no run with a lower one sends a signal or
    /// starts the server any more. A fence that is as high or higher already stays.
    ///
    /// # Errors
    /// [`FenceError`] when the fence cannot be made durable; the runs that it was to end may then
    /// still signal.
    pub async fn raise_fence(&self, fence: Fence) -> Result<(), FenceError> {
        let mut locked = self.host_file().await?.lock(self.lock_wait).await?;
        locked.state.raise(fence);
        locked.save_elsewhere().await?;
        crash_point::reached("after-fence").await;
        Ok(())
    }

    /// On whose behalf an executor of this host started the server that runs now; `None` if none did.
    ///
    /// # Errors
    /// [`FenceError`] when what this host remembers cannot be read.
    pub async fn started_by(&self) -> Result<Option<String>, FenceError> {
        let Finding::One(process) = self.find().await else {
            return Ok(None);
        };
        let state = self.host_file().await?.peek(self.lock_wait).await?;
        let start = state.start.as_ref();
        Ok(start
            .and_then(|start| start.by(&process))
            .map(str::to_owned))
    }

    /// Looks without asking who would start the server again: cheap enough for every few seconds.
    pub async fn glance(&self) -> Finding {
        self.find().await
    }

    /// Looks without asking for the owner.
    async fn find(&self) -> Finding {
        let target = self.target.clone();
        blocking(move || find::find(&target))
            .await
            .unwrap_or_else(|reason| Finding::Unknown { reason })
    }

    async fn host_file(&self) -> Result<HostFile, FenceError> {
        let (state_dir, base_dir) = (self.state_dir.clone(), self.target.base_dir.clone());
        let found = blocking(move || HostFile::of(&state_dir, &base_dir)).await;
        found.unwrap_or_else(|reason| {
            Err(FenceError::Io {
                path: self.target.base_dir.clone(),
                source: std::io::Error::other(reason),
            })
        })
    }
}

/// Runs what reads `/proc` or waits for a disk where it holds up nothing else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| format!("the work on the host was broken off: {error}"))
}
