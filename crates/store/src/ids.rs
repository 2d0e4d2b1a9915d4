//! Identifiers: blocks of numbers, reserved ahead of the transactions that use them.

use std::{ops::Range, sync::Arc};

use sea_orm::ConnectionTrait;
use slacktide_engine::id::{SubtaskId, TaskId};
use tokio::sync::Mutex;

use crate::{
    error::StoreError,
    tasks::run,
    write::{Tx, Writer},
};

/// A restart loses what is left of a block, so blocks are short where people read the numbers.
const TASK_BLOCK: i64 = 32;
const SUBTASK_BLOCK: i64 = 4096;

/// Hands out identifiers that no other process hands out.
#[derive(Clone)]
pub(crate) struct Ids {
    writer: Writer,
    tasks: Arc<Mutex<Range<i64>>>,
    subtasks: Arc<Mutex<Range<i64>>>,
}

impl Ids {
    pub(crate) fn new(writer: Writer) -> Self {
        let empty = || Arc::new(Mutex::new(0..0));
        Self {
            writer,
            tasks: empty(),
            subtasks: empty(),
        }
    }

    pub(crate) async fn task(&self) -> Result<TaskId, StoreError> {
        self.take(&self.tasks, "task", TASK_BLOCK, 1)
            .await
            .map(TaskId)
    }

    /// The first of `count` contiguous ids.
    pub(crate) async fn subtasks(&self, count: usize) -> Result<SubtaskId, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.take(&self.subtasks, "subtask", SUBTASK_BLOCK, count)
            .await
            .map(SubtaskId)
    }

    async fn take(
        &self,
        block: &Mutex<Range<i64>>,
        sequence: &'static str,
        size: i64,
        count: i64,
    ) -> Result<i64, StoreError> {
        let mut block = block.lock().await;
        if block.end - block.start < count {
            let size = size.max(count);
            let first = self
                .writer
                .write("reserving ids", move |tx| {
                    Box::pin(reserve(tx, sequence, size))
                })
                .await?;
            *block = first..first + size;
        }
        let first = block.start;
        block.start += count;
        Ok(first)
    }
}

async fn reserve(tx: Tx<'_>, sequence: &'static str, count: i64) -> Result<i64, StoreError> {
    next(&tx, sequence, count).await
}

/// The first of `count` numbers of a sequence, taken within a transaction: for rows that are rare.
pub(crate) async fn next(
    tx: &Tx<'_>,
    sequence: &'static str,
    count: i64,
) -> Result<i64, StoreError> {
    let update = "UPDATE sequence SET next = next + ? WHERE name = ?";
    let updated = tx
        .db
        .execute_raw(run(update, vec![count.into(), sequence.into()]))
        .await?;
    if updated.rows_affected() == 0 {
        let insert = "INSERT INTO sequence (name, next) VALUES (?, ?)";
        tx.db
            .execute_raw(run(insert, vec![sequence.into(), (1 + count).into()]))
            .await?;
        return Ok(1);
    }
    let select = "SELECT next FROM sequence WHERE name = ?";
    let row = tx
        .db
        .query_one_raw(run(select, vec![sequence.into()]))
        .await?;
    let row = row.ok_or_else(|| StoreError::not_found("sequence", sequence))?;
    Ok(row.try_get::<i64>("", "next")? - count)
}
