//! What an action leaves behind while it runs: log lines, and the intents that precede its effects.

use futures::future::BoxFuture;
use tokio::sync::mpsc;

/// The log of one run, for humans. Lines are written to the store in batches, outside the fenced commit.
#[derive(Clone, Debug)]
pub struct RunLog {
    lines: mpsc::UnboundedSender<String>,
}

impl RunLog {
    /// Makes a log and the end from which its lines are taken.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (lines, taken) = mpsc::unbounded_channel();
        (Self { lines }, taken)
    }

    /// Adds a line. A log whose reader is gone swallows it: a run never fails for want of a log.
    pub fn line(&self, text: impl Into<String>) {
        let _ = self.lines.send(text.into());
    }
}

/// Makes intents durable before the act that they announce.
pub trait Intents: Send + Sync {
    /// Writes that the run is about to do `intent`.
    ///
    /// # Errors
    /// [`RunLost`] when the run is no longer this executor's; then nothing may be done any more.
    fn record<'a>(&'a self, intent: &'a str) -> BoxFuture<'a, Result<(), RunLost>>;
}

/// The run belongs to somebody else now: another executor took it over, or it was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the run was taken over or ended from outside")]
pub struct RunLost;
