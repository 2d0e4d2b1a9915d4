use anyhow::{Context, Result};
use slacktide_api::v1::Task;

use crate::Api;

/// A signal that a subtask's log says was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SentSignal {
    /// The process that it went to.
    pub pid: u32,
    /// Its name, for example `SIGTERM`.
    pub signal: String,
}

/// Every signal that the logs of a task tell of, in the order of subtasks and lines.
///
/// # Errors
/// When a log can't be read, or a line names a signal but no process.
pub async fn signals_sent(api: &Api, task: &Task) -> Result<Vec<SentSignal>> {
    let mut sent = Vec::new();
    for subtask in &task.subtasks {
        let log = api.log(task.id, subtask.id).await?;
        for line in log.lines().filter(|line| line.contains("sent SIG")) {
            sent.push(parse(line).with_context(|| format!("read the log line {line:?}"))?);
        }
    }
    Ok(sent)
}

fn parse(line: &str) -> Option<SentSignal> {
    let word_after = |mark: &str| {
        let rest = line.split_once(mark)?.1;
        Some(
            rest.split(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap_or_default(),
        )
    };
    let signal = word_after("sent ")?.to_owned();
    let pid = word_after("pid ")?.parse().ok()?;
    Some(SentSignal { pid, signal })
}
