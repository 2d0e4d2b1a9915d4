//! The statements that end a transaction, in their order, and what each is there for.
//!
//! SQLite runs all of them in one go, COMMIT included: a hop to its thread costs more than most statements do. What
//! must not be committed is therefore found out between them: a guard is a statement that fails unless the one before
//! it has changed as many rows as it was to.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use super::opening::Opening;
use crate::{
    error::{Duplicate, StoreError},
    session::{Failed, Session},
    statement::statement,
};

/// No row, or an overflow.
const GUARD: &str = "SELECT abs(-9223372036854775807 - 1) WHERE changes() <> ?";

/// A statement that changes rows.
pub(super) struct Write {
    pub(super) statement: Statement,
    /// How many it must change, and what somebody else has changed if it does not.
    pub(super) rows: Option<(usize, &'static str)>,
    /// What a duplicate means here: MySQL does not name the table of a primary key.
    pub(super) duplicate: Option<Duplicate>,
}

/// What a script has done.
pub(super) enum Done {
    /// Everything. It is committed already, or still to be.
    Ran {
        committed: bool,
        read: Vec<QueryResult>,
    },
    /// Nothing: a task is not as it was known.
    Stale,
}

enum Part {
    Begin,
    Lock(u64),
    Write(Option<Duplicate>, Option<(usize, &'static str)>),
    /// Of the lock, or of what a write names.
    Guard(Option<&'static str>),
    Read,
    Commit,
}

struct Script<'s> {
    session: &'s Session,
    statements: Vec<Statement>,
    parts: Vec<Part>,
}

/// Runs what is left of a transaction.
pub(super) async fn run(
    session: &Session,
    opening: Opening,
    writes: Vec<Write>,
    reads: Vec<Statement>,
) -> Result<Done, StoreError> {
    let mut script = Script {
        session,
        statements: Vec::new(),
        parts: Vec::new(),
    };
    let at_once = session.get_database_backend() == DbBackend::Sqlite;
    let committed = at_once && !writes.is_empty();
    let (begin, lock) = opening.into_statements();
    if let Some(begin) = begin {
        script.add(begin, Part::Begin);
    }
    if let Some((lock, tasks)) = lock {
        script.add(lock, Part::Lock(tasks));
        if at_once {
            script.guard(tasks, None);
        }
    }
    for write in writes {
        script.add(write.statement, Part::Write(write.duplicate, write.rows));
        if let Some((rows, what)) = write.rows.filter(|_| at_once) {
            script.guard(rows as u64, Some(what));
        }
    }
    for read in reads {
        script.add(read, Part::Read);
    }
    if committed {
        let commit = Statement::from_string(DbBackend::Sqlite, "COMMIT");
        script.add(commit, Part::Commit);
    }
    script.run(committed).await
}

impl Script<'_> {
    fn add(&mut self, statement: Statement, part: Part) {
        self.statements.push(statement);
        self.parts.push(part);
    }

    fn guard(&mut self, rows: u64, what: Option<&'static str>) {
        let guard = statement(self.session, GUARD, [rows.into()]);
        self.add(guard, Part::Guard(what));
    }

    async fn run(self, committed: bool) -> Result<Done, StoreError> {
        let ran = match self.session.run_all(self.statements).await {
            Ok(ran) => ran,
            Err(failed) => return refused(&self.parts, failed),
        };
        let mut read = Vec::new();
        for (part, ran) in self.parts.into_iter().zip(ran) {
            let changed = ran.result.rows_affected();
            match part {
                Part::Lock(tasks) if changed != tasks => return Ok(Done::Stale),
                Part::Write(_, Some((rows, what))) if changed != rows as u64 => {
                    return Err(StoreError::Conflict(what));
                }
                Part::Read => read.extend(ran.rows),
                _ => {}
            }
        }
        Ok(Done::Ran { committed, read })
    }
}

fn refused(parts: &[Part], failed: Failed) -> Result<Done, StoreError> {
    match (parts.get(failed.statement), StoreError::from(failed.error)) {
        (Some(Part::Guard(None)), _) => Ok(Done::Stale),
        (Some(Part::Guard(Some(what))), _) => Err(StoreError::Conflict(what)),
        (Some(Part::Write(Some(duplicate), _)), StoreError::Duplicate(_)) => {
            Err(StoreError::Duplicate(*duplicate))
        }
        (_, error) => Err(error),
    }
}
