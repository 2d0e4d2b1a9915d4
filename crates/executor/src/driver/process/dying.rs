//! Before a start: a server that got a signal is not trusted to go on.

use std::time::Duration;

use super::identity::{Identity, Process};
use super::ladder::{Limits, Signal};
use super::start::{Starting, unknown};
use super::start_error::StartError;
use super::state::State;

/// A server that got a signal, by whatever operation, and has not ended.
///
/// After SIGUSR1 it serves on for seconds, and nothing but its end shows that it got one. An operation that was
/// canceled after its signal does not take that back.
pub(super) struct Dying {
    identity: Identity,
    signal: Signal,
    /// What is left of its signals' time.
    left: Duration,
}

impl Dying {
    /// `None` where no signal to the process is noted.
    pub(super) fn of(process: &Process, state: &State, limits: Limits) -> Option<Self> {
        let identity = &process.identity;
        let left = state
            .all_sent_to(identity)
            .map(|sent| sent.remaining(limits.of(sent.signal)));
        Some(Self {
            identity: identity.clone(),
            signal: state.all_sent_to(identity).last()?.signal,
            left: left.max()?,
        })
    }
}

impl Starting<'_> {
    /// Waits for the end of such a server, and sends it nothing. The lock is free meanwhile: a stop may need it.
    pub(super) async fn await_end(&self, dying: Dying) -> Result<(), StartError> {
        let Dying {
            identity,
            signal,
            left,
        } = dying;
        let Some(handle) = self.open(&identity).await? else {
            return Ok(());
        };
        self.log(format!(
            "{identity} got {signal} earlier: waiting up to {:.1} s for it to end",
            left.as_secs_f64()
        ));
        let waited = tokio::time::timeout(left, handle.ended());
        match self.unless_canceled(waited).await? {
            Ok(ended) => {
                ended.map_err(|error| unknown(format!("cannot wait for the process: {error}")))?;
                self.log(format!("pid {} ended", identity.pid));
                Ok(())
            }
            Err(_) => Err(StartError::Signalled { identity, signal }),
        }
    }
}
