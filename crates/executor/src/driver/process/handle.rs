//! A handle that stays with one process whatever becomes of its number.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::identity::Identity;
use super::{Target, blocking, find};

/// A pidfd of a process that was verified after the pidfd was opened.
pub(super) struct Handle(AsyncFd<OwnedFd>);

/// Why there is no handle of a process that may be alive.
pub(super) enum NoHandle {
    /// The kernel gave none.
    Kernel(io::Error),
    /// It could not be told which process the handle would be of.
    Unclear(String),
}

impl Handle {
    /// `None` when the process has ended.
    pub(super) async fn open(
        target: &Target,
        identity: &Identity,
    ) -> Result<Option<Self>, NoHandle> {
        let Some(pid) = Pid::from_raw(identity.pid) else {
            return Ok(None);
        };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(errno) => return Err(NoHandle::Kernel(errno.into())),
        };
        #[expect(
            deprecated,
            reason = "the replacement is unsafe for file descriptors in general; this one is owned"
        )]
        let pidfd = AsyncFd::with_interest(pidfd, Interest::READABLE).map_err(NoHandle::Kernel)?;
        // Only now is the number certain not to pass to another process.
        let (target, expected) = (target.clone(), identity.clone());
        let alive = blocking(move || find::is_alive(&target, &expected)).await;
        match alive.and_then(|alive| alive.map_err(super::obstacle::Obstacle::reason)) {
            Ok(alive) => Ok(alive.then_some(Self(pidfd))),
            Err(reason) => Err(NoHandle::Unclear(reason)),
        }
    }

    /// A pidfd of its own.
    pub(super) fn pidfd(&self) -> io::Result<OwnedFd> {
        self.0.get_ref().try_clone()
    }

    /// Returns when all threads of the process have ended; locks and ports are free from then on.
    pub(super) async fn ended(&self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let mut fds = [PollFd::new(self.0.get_ref(), PollFlags::IN)];
            if poll(&mut fds, Some(&Timespec::default()))? > 0 {
                return Ok(());
            }
            ready.clear_ready();
        }
    }
}
