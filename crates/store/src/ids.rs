//! Identifiers: blocks of numbers, reserved ahead of the transactions that use them.

use std::{ops::Range, sync::Arc, time::Duration};

use sea_orm::{
    ConnectionTrait,
    sea_query::{Alias, OnConflict, Query},
};
use slacktide_engine::id::{SubtaskId, TaskId};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    error::StoreError,
    statement::statement,
    write::{Tx, Writer},
};

/// A restart loses what is left of a block, so blocks are short where people read the numbers; they grow while
/// they are used up quickly, so that nobody waits for the next one under load.
const TASK_BLOCK: i64 = 32;
const SUBTASK_BLOCK: i64 = 4096;
const GROWTH: i64 = 64;
const QUICK: Duration = Duration::from_secs(1);

/// Numbers that are reserved.
struct Block {
    left: Range<i64>,
    /// How many times its first size the next one is.
    factor: i64,
    reserved: Option<Instant>,
}

/// Hands out identifiers that no other process hands out.
#[derive(Clone)]
pub(crate) struct Ids {
    writer: Writer,
    tasks: Arc<Mutex<Block>>,
    subtasks: Arc<Mutex<Block>>,
}

impl Ids {
    pub(crate) fn new(writer: Writer) -> Self {
        let empty = || {
            Arc::new(Mutex::new(Block {
                left: 0..0,
                factor: 1,
                reserved: None,
            }))
        };
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
        block: &Mutex<Block>,
        sequence: &'static str,
        size: i64,
        count: i64,
    ) -> Result<i64, StoreError> {
        let mut block = block.lock().await;
        if block.left.end - block.left.start < count {
            let quick = block.reserved.is_some_and(|then| then.elapsed() < QUICK);
            block.factor = if quick {
                GROWTH.min(2 * block.factor)
            } else {
                1
            };
            let size = (size * block.factor).max(count);
            let first = self
                .writer
                .write("reserving ids", move |tx| {
                    Box::pin(async move { next(&tx, sequence, size).await })
                })
                .await?;
            block.left = first..first + size;
            block.reserved = Some(Instant::now());
        }
        let first = block.left.start;
        block.left.start += count;
        Ok(first)
    }
}

/// The first of `count` numbers of a sequence, taken within a transaction. Its row stays locked until the
/// transaction ends, so no two of whatever process get the same.
pub(crate) async fn next(
    tx: &Tx<'_>,
    sequence: &'static str,
    count: i64,
) -> Result<i64, StoreError> {
    let update = "UPDATE sequence SET next = next + ? WHERE name = ?";
    let update = || statement(tx.db, update, [count.into(), sequence.into()]);
    if tx.db.execute_raw(update()).await?.rows_affected() == 0 {
        begin(tx, sequence, 1).await?;
        tx.db.execute_raw(update()).await?;
    }
    let select = "SELECT next FROM sequence WHERE name = ?";
    let row = tx
        .db
        .query_one_raw(statement(tx.db, select, [sequence.into()]))
        .await?;
    let row = row.ok_or_else(|| StoreError::not_found("sequence", sequence))?;
    Ok(row.try_get::<i64>("", "next")? - count)
}

/// Makes a sequence, unless another process does so at this moment.
pub(crate) async fn begin(tx: &Tx<'_>, name: &'static str, first: i64) -> Result<(), StoreError> {
    let (table, column) = (Alias::new("sequence"), Alias::new("name"));
    let mut insert = Query::insert()
        .into_table(table)
        .columns([column.clone(), Alias::new("next")])
        .values_panic([name.into(), first.into()])
        .take();
    insert.on_conflict(
        OnConflict::column(column.clone())
            .do_nothing_on([column])
            .to_owned(),
    );
    tx.db.execute(&insert).await?;
    Ok(())
}
