//! Logs of subtasks: lines by run, written in batches outside the fenced commit.

use sea_orm::ConnectionTrait;
use serde_json::json;
use slacktide_engine::{
    commit::FoldedLog,
    id::{SubtaskId, TaskId},
    status::Operation,
    time::Micros,
};

use crate::{
    columns::{to_json, word},
    connect::Store,
    error::StoreError,
    hot,
    tasks::{run, subtasks_by_id},
    write::Tx,
};

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

/// Where the next line of a run goes. Number 0 is the run's head: its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    subtask: SubtaskId,
    epoch: i64,
    seq: i64,
}

impl Store {
    /// Adds lines to a run's log; `seq` counts its rows, of which row 0 is the head.
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
        let rows: Vec<_> = (seq..)
            .zip(&lines)
            .map(|(seq, line)| {
                let place = Place {
                    subtask,
                    epoch,
                    seq,
                };
                row(place, line.time, &line.text)
            })
            .collect();
        let rows = to_json(&rows)?;
        self.writer
            .write("writing a subtask's log", move |tx| {
                let rows = rows.clone();
                Box::pin(async move {
                    tx.db
                        .execute_raw(run(hot::INSERT_LOG, vec![rows.into()]))
                        .await?;
                    Ok(())
                })
            })
            .await
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
            .query_all_raw(run(hot::SELECT_LOG, vec![subtask.0.into()]))
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

/// Writes the logs of subtasks that ran inside the commit.
pub(crate) async fn write_folded(tx: &Tx<'_>, logs: &[FoldedLog]) -> Result<(), StoreError> {
    if logs.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = logs
        .iter()
        .flat_map(|log| {
            let place = |seq| Place {
                subtask: log.subtask,
                epoch: log.epoch,
                seq,
            };
            [
                row(place(0), log.time, log.operation.as_str()),
                row(place(1), log.time, &log.line),
            ]
        })
        .collect();
    tx.db
        .execute_raw(run(hot::INSERT_LOG, vec![to_json(&rows)?.into()]))
        .await?;
    Ok(())
}

fn row(place: Place, time: Micros, text: &str) -> serde_json::Value {
    json!([place.subtask, place.epoch, place.seq, time, text])
}
