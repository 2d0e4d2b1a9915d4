//! Sends one signal to one process, under the host's lock.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::pidfd_send_signal;
use slacktide_engine::fence::Fence;

use super::Target;
use super::error::{FenceError, StopError};
use super::find;
use super::host_file::Locked;
use super::identity::Identity;
use super::ladder::{Rung, Signal};
use super::state::Sent;
use crate::crash_point;

/// A signal that is to go to a process.
pub(super) struct Sending {
    pub(super) target: Target,
    pub(super) identity: Identity,
    pub(super) pidfd: OwnedFd,
    pub(super) rung: Rung,
    pub(super) fence: Fence,
    pub(super) supervised: bool,
}

/// What became of it.
pub(super) enum Delivery {
    /// It was sent.
    Sent,
    /// An earlier run of the same generation sent it; this much of its limit is left.
    Earlier(Duration),
    /// The process had ended.
    Ended,
}

impl Sending {
    /// Compares the fence, notes the signal, verifies the process, sends.
    ///
    /// The note is durable before the signal goes out: an executor that dies in between leaves a
    /// signal that was noted and not sent, and the next run goes on to the next one after the
    /// limit. The other way round it would leave one that was sent and not noted, and the next run
    /// would send it twice.
    pub(super) fn send(self, mut locked: Locked) -> Result<Delivery, StopError> {
        let Self {
            identity,
            rung,
            fence,
            ..
        } = &self;
        if let Some(held) = locked.state.fence.filter(|held| held > fence) {
            return Err(StopError::Fenced { own: *fence, held });
        }
        locked.state.raise(*fence);
        // SIGKILL again does no harm to the process that it was meant for, and the note of one may be of one
        // that was never sent: with no signal after it, nothing else would ever end a server that is halted.
        let repeated = rung.signal != Signal::Kill;
        let earlier = locked
            .state
            .sent_to(identity, fence.generation)
            .find(|sent| repeated && sent.signal == rung.signal);
        if let Some(left) = earlier.map(|sent| sent.remaining(rung.limit)) {
            locked.save()?;
            return Ok(Delivery::Earlier(left));
        }
        let before = locked.state.sent.clone();
        let unsent = |locked, outcome| unsent(locked, before, outcome);
        locked
            .state
            .note(Sent::new(rung.signal, identity, *fence, self.supervised));
        locked.save()?;
        crash_point::reached_blocking("after-note");
        match find::is_alive(&self.target, identity) {
            Ok(true) => {}
            Ok(false) => return unsent(locked, Ok(Delivery::Ended)),
            Err(obstacle) => {
                return unsent(
                    locked,
                    Err(StopError::Unknown {
                        reason: obstacle.reason(),
                    }),
                );
            }
        }
        match pidfd_send_signal(&self.pidfd, rung.signal.number()) {
            Ok(()) => {
                crash_point::reached_blocking("after-signal");
                Ok(Delivery::Sent)
            }
            Err(rustix::io::Errno::SRCH) => unsent(locked, Ok(Delivery::Ended)),
            Err(errno) => {
                let refused = StopError::Refused {
                    identity: identity.clone(),
                    signal: rung.signal,
                    source: errno.into(),
                };
                unsent(locked, Err(refused))
            }
        }
    }
}

/// Takes the note back, so that a retry does not wait for a signal that never went out.
fn unsent(
    mut locked: Locked,
    before: Vec<Sent>,
    outcome: Result<Delivery, StopError>,
) -> Result<Delivery, StopError> {
    locked.state.sent = before;
    let saved: Result<(), FenceError> = locked.save();
    match outcome {
        Ok(delivery) => saved.map(|()| delivery).map_err(StopError::from),
        error => error,
    }
}
