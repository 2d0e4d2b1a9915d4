//! How a transaction begins: BEGIN, and the UPDATE that locks the rows of its tasks. Both go along with the first
//! statements that it needs.

use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use slacktide_engine::id::TaskId;

use crate::{
    columns::to_json,
    error::StoreError,
    hot,
    session::{Failed, Ran, Session},
    statement::statement,
};

pub(super) struct Opening {
    begin: Option<Statement>,
    lock: Option<(Statement, u64)>,
}

/// What became of statements.
pub(super) enum Opened {
    Ran(Vec<Ran>),
    /// A task is not as it was known.
    Stale,
}

impl Opening {
    /// Of a transaction on tasks of these versions, or of whatever version.
    pub(super) fn new(
        session: &Session,
        begin: Statement,
        tasks: impl Iterator<Item = (TaskId, Option<i64>)>,
    ) -> Result<Self, StoreError> {
        let mut known = 0;
        let rows = tasks.map(|(task, version)| {
            known += u64::from(version.is_some());
            json!([task, version])
        });
        let rows: Vec<_> = rows.collect();
        let sql = &hot::of(session.get_database_backend()).lock_tasks;
        let lock = match rows.is_empty() {
            true => None,
            false => Some((statement(session, sql, [to_json(&rows)?.into()]), known)),
        };
        Ok(Self {
            begin: Some(begin),
            lock,
        })
    }

    /// What has not been sent yet: BEGIN; the lock, and how many tasks it must find.
    pub(super) fn into_statements(self) -> (Option<Statement>, Option<(Statement, u64)>) {
        (self.begin, self.lock)
    }

    /// Runs statements, of which `found` says how many of the tasks it read that were not known.
    pub(super) async fn run(
        &mut self,
        session: &Session,
        statements: Vec<Statement>,
        found: impl FnOnce(&[Ran]) -> u64,
    ) -> Result<Opened, Failed> {
        let begin = self.begin.take();
        let (lock, known) = self.lock.take().unzip();
        let ahead = usize::from(begin.is_some()) + usize::from(lock.is_some());
        let all = begin.into_iter().chain(lock).chain(statements);
        let mut ran = session.run_all(all.collect()).await?;
        let rest = ran.split_off(ahead);
        if let Some(known) = known {
            let locked = ran.last().map_or(0, |ran| ran.result.rows_affected());
            if locked != known + found(&rest) {
                return Ok(Opened::Stale);
            }
        }
        Ok(Opened::Ran(rest))
    }
}
