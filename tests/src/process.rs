use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::watch;

/// How and when a process ended.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// When its parent, the test, learned of it.
    pub at: Instant,
}

impl Exit {
    /// The signal that ended the process; `None` if it exited by itself.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }
}

/// A child process. It is killed and reaped when this is dropped; signals go through a pidfd, so that they
/// never reach another process which got the same number.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    pidfd: OwnedFd,
    exit: watch::Receiver<Option<Exit>>,
    waiter: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts a command without input; its output is appended to the file `log`.
    ///
    /// # Errors
    /// When the log can't be opened or the command can't be started.
    pub fn spawn(command: &mut Command, log: &Path) -> Result<Self> {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("open {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out);
        let mut child = command
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let pid = child.id();
        // Not reaped yet, so the number is still the child's.
        let pidfd = Pid::from_raw(i32::try_from(pid)?)
            .context("a pid is never 0")
            .and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::empty())?))?;
        let (tell, exit) = watch::channel(None);
        let waiter = std::thread::spawn(move || {
            if let Ok(status) = child.wait() {
                tell.send_replace(Some(Exit {
                    status,
                    at: Instant::now(),
                }));
            }
        });
        Ok(Self {
            pid,
            pidfd,
            exit,
            waiter: Some(waiter),
        })
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the process has not ended yet.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        pidfd_send_signal(&self.pidfd, signal)
            .with_context(|| format!("send {signal:?} to process {}", self.pid))
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    /// When its end can't be waited for.
    pub async fn exited(&self) -> Result<Exit> {
        let mut exit = self.exit.clone();
        let exit = exit
            .wait_for(Option::is_some)
            .await
            .context("wait for the process")?;
        exit.context("the process has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        if let Some(waiter) = self.waiter.take() {
            let _ = waiter.join();
        }
    }
}
