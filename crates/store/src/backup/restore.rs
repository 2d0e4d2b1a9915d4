//! The way back from a backup.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sqlx::Connection as _;

use super::{
    BackupError,
    copy::{NewFile, check, file_error, open, sqlite_error, vacuum_into},
};

/// By how much the numbers of a restored store go ahead of those of its backup.
///
/// What was done after the backup is forgotten, but not everywhere: hosts keep the highest fence that they have
/// seen and refuse lower ones, and callers may still ask for tasks by id. So numbers that were given out between
/// the backup and the loss must not be given out again.
const AHEAD: i64 = 1_000_000;

const GO_AHEAD: [&str; 3] = [
    "UPDATE task SET generation = generation + ? \
     WHERE id IN (SELECT active_task_id FROM cluster WHERE active_task_id IS NOT NULL)",
    "UPDATE cluster SET generation = generation + ?",
    "UPDATE sequence SET next = next + ? WHERE name <> 'identity'",
];

/// No lease of the backup still holds; and the lost store, should it live on, has signals of its own.
const FORGET: [&str; 2] = [
    "DELETE FROM executor",
    "DELETE FROM sequence WHERE name = 'identity'",
];

/// Makes a store at `to`, where there must be none, from a backup: it is checked first, and its fences and ids go
/// ahead of all that the lost store may have used. For a backup that is to be used instead of the store that it
/// was taken from, never beside it.
///
/// # Errors
/// [`BackupError`]; no file is left then.
pub async fn restore(backup: &Path, to: &Path) -> Result<(), BackupError> {
    fs::metadata(backup).map_err(file_error("read", backup))?;
    if let Some(log) = log_beside(backup) {
        return Err(BackupError::Unusable {
            file: backup.to_owned(),
            reason: format!("a part of it is in {}, as of a store in use", log.display()),
        });
    }
    check(backup).await?;
    // The rest of another store, which SQLite would take for a part of this one.
    if let Some(rest) = log_beside(to) {
        return Err(BackupError::Exists(rest));
    }
    let target = NewFile::reserve(to)?;
    let mut source = open(backup, true).await?;
    vacuum_into(&mut source, target.path()).await?;
    adapt(target.path()).await?;
    check(target.path()).await?;
    target.keep().await
}

/// The log that belongs to a database file.
fn log_beside(file: &Path) -> Option<PathBuf> {
    let logs = ["-wal", "-journal"].into_iter().map(|suffix| {
        let mut log = file.as_os_str().to_owned();
        log.push(suffix);
        PathBuf::from(log)
    });
    logs.into_iter().find(|log| log.exists())
}

async fn adapt(file: &Path) -> Result<(), BackupError> {
    let failed = |error| sqlite_error("prepare", file)(error);
    let mut connection = open(file, false).await?;
    for sql in GO_AHEAD {
        let going = sqlx::query(sql).bind(AHEAD).execute(&mut connection);
        going.await.map_err(failed)?;
    }
    for sql in FORGET {
        let forgetting = sqlx::query(sql).execute(&mut connection);
        forgetting.await.map_err(failed)?;
    }
    connection.close().await.map_err(failed)
}
