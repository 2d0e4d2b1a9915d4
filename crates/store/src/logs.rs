//! Logs of subtasks: lines by run, written in batches while it runs, the last ones with its end.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use slacktide_engine::{
    commit::FoldedLog,
    id::{SubtaskId, TaskId},
    status::Operation,
    time::Micros,
};

use crate::{
    batch::Op,
    columns::{clean, word},
    connect::Store,
    error::StoreError,
    statement::statement,
    tasks::subtasks_by_id,
};

const SELECT_LOG: &str =
    "SELECT epoch, seq, time, line FROM subtask_log WHERE subtask_id = ? ORDER BY epoch, seq";

/// The log of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRun {
    /// What the run was for.
    pub operation: Operation,
    /// When it began.
    pub time: Micros,
    /// What it wrote.
    pub lines: Vec<LogLine>,
}

/// A line with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub time: Micros,
    /// The text.
    pub text: String,
}

/// Lines that a run adds to its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    /// The subtask.
    pub subtask: SubtaskId,
    /// The run.
    pub epoch: i64,
    /// Number of the first line among the rows of the run's log. Row 0 is the head: what the run is for.
    pub seq: i64,
    /// The lines.
    pub lines: Vec<LogLine>,
}

impl LogTail {
    /// The order of `hot::LOG_LINE`.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Value> {
        let numbered = (self.seq..).zip(&self.lines);
        numbered
            .map(|(seq, line)| json!([self.subtask, self.epoch, seq, line.time, clean(&line.text)]))
    }
}

/// The logs of a subtask that ran inside a commit: its head and its only line.
pub(crate) fn folded_rows(log: &FoldedLog) -> [Value; 2] {
    let FoldedLog {
        subtask,
        epoch,
        time,
        ..
    } = log;
    [
        json!([subtask, epoch, 0, time, log.operation]),
        json!([subtask, epoch, 1, time, clean(&log.line)]),
    ]
}

impl Store {
    /// Adds lines to a run's log while it runs; its last lines come with its end ([`Store::commit`]).
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn append_log(
        &self,
        subtask: SubtaskId,
        epoch: i64,
        seq: i64,
        lines: Vec<LogLine>,
    ) -> Result<(), StoreError> {
        let tail = LogTail {
            subtask,
            epoch,
            seq,
            lines,
        };
        let written = self.writer.share("writing a subtask's log", Op::Log(tail));
        written.await.map(drop)
    }

    /// The log of a subtask, run by run.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the task has no such subtask.
    pub async fn log(&self, task: TaskId, subtask: SubtaskId) -> Result<Vec<LogRun>, StoreError> {
        if subtasks_by_id(&self.reads, task, &[subtask])
            .await?
            .is_empty()
        {
            return Err(StoreError::not_found("subtask", subtask));
        }
        let rows = self
            .reads
            .query_all_raw(statement(&self.reads, SELECT_LOG, [subtask.0.into()]))
            .await?;
        let mut runs: Vec<LogRun> = Vec::new();
        for row in rows {
            let (seq, time): (i64, i64) = (row.try_get("", "seq")?, row.try_get("", "time")?);
            let text: String = row.try_get("", "line")?;
            let time = Micros(time);
            if seq == 0 {
                let operation = word("subtask_log", subtask.0, &text)?;
                runs.push(LogRun {
                    operation,
                    time,
                    lines: Vec::new(),
                });
            } else if let Some(run) = runs.last_mut() {
                run.lines.push(LogLine { time, text });
            }
        }
        Ok(runs)
    }
}
