//! The signals that ask the process to end.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// SIGTERM and SIGINT, which from now on do not end the process by themselves.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
        })
    }

    /// Fires `drain` at the first; returns the name of the second.
    pub(super) async fn drain_then_second(&mut self, drain: &CancellationToken) -> &'static str {
        let first = self.next().await;
        tracing::info!("{first}: draining; a second signal ends the process at once");
        drain.cancel();
        self.next().await
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn the_first_drains_and_the_second_ends() {
        let mut signals = Signals::listen().unwrap();
        let drain = CancellationToken::new();
        let send = |signal| kill_process(getpid(), signal).unwrap();
        let sender = async {
            send(Signal::TERM);
            drain.cancelled().await;
            send(Signal::INT);
        };
        let (second, ()) = tokio::join!(signals.drain_then_second(&drain), sender);
        assert_eq!(second, "SIGINT");
    }
}
