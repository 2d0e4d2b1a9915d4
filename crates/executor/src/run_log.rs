//! What an action leaves behind while it runs: log lines, and the intents that precede its effects.

use std::time::Duration;

use futures::future::BoxFuture;
use slacktide_engine::subtask::Subtask;
use slacktide_store::{LogLine, LogTail, Store, clock};
use tokio::sync::mpsc;

use crate::crash_point;

/// How many log lines are written at a time.
const BATCH: usize = 256;

/// How often a log that grows slowly is written. Short enough to be followed by eye.
const INTERVAL: Duration = Duration::from_millis(200);

/// The log of one run, for humans. Lines are written to the store in batches, the last ones with the run's end.
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

/// Writes a run's lines as they come, until the log's other end is gone. Returns what is left then.
pub(crate) async fn write_lines(
    store: &Store,
    subtask: &Subtask,
    mut lines: mpsc::UnboundedReceiver<String>,
) -> LogTail {
    let mut tail = LogTail {
        subtask: subtask.id,
        epoch: subtask.epoch,
        seq: 0,
        lines: vec![line(subtask.state.operation.as_str().to_owned())],
    };
    loop {
        let full_or_late = tokio::time::sleep(INTERVAL);
        tokio::pin!(full_or_late);
        while tail.lines.len() < BATCH {
            tokio::select! {
                biased;
                text = lines.recv() => match text {
                    Some(text) => tail.lines.push(line(text)),
                    None => return tail,
                },
                () = &mut full_or_late => break,
            }
        }
        tail = append(store, tail).await;
    }
}

fn line(text: String) -> LogLine {
    LogLine {
        time: clock::now(),
        text,
    }
}

/// Writes the lines and returns the place after them. A line that cannot be written is lost: a run never fails for
/// want of a log.
pub(crate) async fn append(store: &Store, tail: LogTail) -> LogTail {
    let LogTail {
        subtask,
        epoch,
        seq,
        lines,
    } = tail;
    let next = LogTail {
        subtask,
        epoch,
        seq: seq + lines.len() as i64,
        lines: Vec::new(),
    };
    if !lines.is_empty()
        && let Err(error) = store.append_log(subtask, epoch, seq, lines).await
    {
        tracing::warn!(%error, "lines of a subtask's log are lost");
    }
    next
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

/// Intents of a run, written with the guard of its epoch.
pub(crate) struct DurableIntents<'a> {
    pub(crate) store: &'a Store,
    pub(crate) subtask: &'a Subtask,
}

impl Intents for DurableIntents<'_> {
    fn record<'a>(&'a self, intent: &'a str) -> BoxFuture<'a, Result<(), RunLost>> {
        Box::pin(async move {
            match self.store.record_intent(self.subtask, intent).await {
                Ok(true) => {
                    crash_point::reached("after-intent").await;
                    Ok(())
                }
                Ok(false) => Err(RunLost),
                Err(error) => {
                    // What cannot be announced durably is not done. The run is looked for at the next tick.
                    tracing::warn!(%error, intent, "an intent cannot be recorded");
                    Err(RunLost)
                }
            }
        })
    }
}
