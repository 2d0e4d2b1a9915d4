//! The schema, as migrations that are never edited once they have landed.
//!
//! Each is one statement that can be run again: MySQL and OceanBase cannot roll DDL back, so a migration that was
//! cut off before it was noted is simply repeated. The schema is portable: words for enums, integer microseconds
//! for times, JSON only as text, no database-native types.

mod columns;
mod lock;
mod server_version;
mod v1;
mod v2;
mod v3;

use std::collections::HashSet;

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, RuntimeErr, Statement,
    sea_query::{
        Alias, ColumnDef, IndexCreateStatement, Query, Table, TableAlterStatement,
        TableCreateStatement,
    },
};

use crate::{
    clock,
    error::{Code, StoreError, server_code},
    session::Session,
};
pub(crate) use server_version::check as check_server;

/// Where applied migrations are noted.
const NOTES: &str = "seaql_migrations";

/// A named statement.
struct Migration {
    name: &'static str,
    ddl: Ddl,
}

enum Ddl {
    Table(Box<TableCreateStatement>),
    Index(Box<IndexCreateStatement>),
    Column(Box<TableAlterStatement>),
    /// Fills columns that are new.
    Fill(&'static str),
}

/// All migrations, in order.
fn all(backend: DbBackend) -> Vec<Migration> {
    let statements = v1::statements(backend)
        .into_iter()
        .chain(v2::statements())
        .chain(v3::statements(backend));
    statements
        .map(|(name, ddl)| Migration { name, ddl })
        .collect()
}

/// Fails unless exactly the migrations of this version were applied.
pub(crate) async fn check_schema(session: &Session) -> Result<(), StoreError> {
    let missing = missing(session).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let why = format!(
        "the schema of the database is not up to date ({} of its migrations are missing): run `slacktide migrate`",
        missing.len()
    );
    Err(StoreError::Unusable(why))
}

/// Applies what is missing. Of processes that do so at once, one does and the others wait for it.
pub(crate) async fn apply(session: &Session) -> Result<(), StoreError> {
    let held = lock::take(session).await?;
    let applied = apply_missing(session).await;
    match &applied {
        Ok(()) => held.keep(session).await?,
        Err(_) => held.give_up(session).await,
    }
    applied
}

async fn apply_missing(session: &Session) -> Result<(), StoreError> {
    session.execute(&notes(session)).await?;
    for migration in missing(session).await? {
        tracing::info!(migration = migration.name, "migrating the database");
        let done = match &migration.ddl {
            Ddl::Table(table) => session.execute(&**table).await,
            Ddl::Index(index) => session.execute(&**index).await,
            Ddl::Column(column) => session.execute(&**column).await,
            Ddl::Fill(sql) => session.execute_unprepared(sql).await,
        };
        match done {
            Err(error) if !is_there_already(&error) => return Err(error.into()),
            _ => note(session, migration.name).await?,
        }
    }
    Ok(())
}

/// The migrations that were not applied.
///
/// # Errors
/// [`StoreError::Unusable`] if others were: a later version has been here.
async fn missing(session: &Session) -> Result<Vec<Migration>, StoreError> {
    let applied = applied(session).await?;
    let all = all(session.get_database_backend());
    let later = applied
        .iter()
        .find(|name| all.iter().all(|migration| migration.name != name.as_str()));
    if let Some(later) = later {
        return Err(StoreError::Unusable(format!(
            "the schema of the database is of a later version of slacktide, which knows {later}: use that version, or \
             restore a backup of before"
        )));
    }
    let missing = all.into_iter();
    Ok(missing
        .filter(|migration| !applied.contains(migration.name))
        .collect())
}

async fn applied(session: &Session) -> Result<HashSet<String>, StoreError> {
    let select = Statement::from_string(
        session.get_database_backend(),
        format!("SELECT version FROM {NOTES}"),
    );
    match session.query_all_raw(select).await {
        Ok(rows) => rows
            .into_iter()
            .map(|row| Ok(row.try_get("", "version")?))
            .collect(),
        Err(error) if is_no_table(&error) => Ok(HashSet::new()),
        Err(error) => Err(error.into()),
    }
}

fn notes(session: &Session) -> TableCreateStatement {
    let mut version = ColumnDef::new("version");
    version.string().not_null().primary_key();
    let mut applied_at = ColumnDef::new("applied_at");
    applied_at.big_integer().not_null();
    let mut table = columns::new_table(session.get_database_backend(), NOTES);
    table.col(version).col(applied_at);
    table
}

async fn note(session: &Session, name: &'static str) -> Result<(), StoreError> {
    let insert = Query::insert()
        .into_table(NOTES)
        .columns(["version", "applied_at"])
        .values_panic([name.into(), (clock::now().0 / 1_000_000).into()])
        .to_owned();
    match session.execute(&insert).await.map_err(StoreError::from) {
        // Another process that was on its way noted the same.
        Ok(_) | Err(StoreError::Duplicate(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a statement was carried out before: its index or its column is there. PostgreSQL, where such an error
/// would matter in a transaction, has none open here.
fn is_there_already(error: &DbErr) -> bool {
    said(error, |code, message| match code {
        Code::Sqlite(_) => message.contains("duplicate column name"),
        Code::Postgres(code) => code == "42701",
        Code::Mysql(number) => matches!(number, 1060 | 1061),
    })
}

fn is_no_table(error: &DbErr) -> bool {
    said(error, |code, message| match code {
        Code::Sqlite(_) => message.contains("no such table"),
        Code::Postgres(code) => code == "42P01",
        Code::Mysql(number) => number == 1146,
    })
}

fn said(error: &DbErr, what: impl Fn(Code, &str) -> bool) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    match error.as_ref() {
        sqlx::Error::Database(error) => what(server_code(error.as_ref()), error.message()),
        _ => false,
    }
}

fn add_column(table: &'static str, column: ColumnDef) -> Ddl {
    let alter = Table::alter()
        .table(Alias::new(table))
        .add_column(column)
        .take();
    Ddl::Column(Box::new(alter))
}
