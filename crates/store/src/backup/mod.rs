//! Backups of the embedded store, and the way back. Shared databases have tools of their own for both.

mod copy;
mod error;
mod restore;

use std::path::Path;

use sqlx::Connection as _;

use self::copy::{NewFile, check, open, sqlite_error};
pub use self::{error::BackupError, restore::restore};
use crate::location::Location;

/// Writes a copy of a SQLite store, as it is at one moment, to a file that must not exist yet. Others read and
/// write meanwhile. The copy is checked, readable by its owner alone, and on disk when this returns.
///
/// The store is read as it stands and not brought up to date: whoever copies it before an upgrade must be able to
/// go back.
///
/// # Errors
/// [`BackupError`]; no file is left then.
pub async fn backup(store: &Location, to: &Path) -> Result<(), BackupError> {
    let source = file(store)?;
    let target = NewFile::reserve(to)?;
    let mut connection = open(source, false).await?;
    copy::vacuum_into(&mut connection, target.path()).await?;
    connection
        .close()
        .await
        .map_err(sqlite_error("close", source))?;
    check(target.path()).await?;
    target.keep().await
}

fn file(store: &Location) -> Result<&Path, BackupError> {
    let (database, tool) = match store {
        Location::Sqlite(file) => return Ok(file),
        Location::Postgres(_) => ("PostgreSQL", "pg_dump"),
        Location::Mysql(_) => (
            "MySQL, MariaDB or OceanBase",
            "mysqldump (mariadb-dump, obdumper)",
        ),
    };
    Err(BackupError::NotEmbedded { database, tool })
}
