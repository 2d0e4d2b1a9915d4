//! A new database file that appears whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use sqlx::{ConnectOptions as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::BackupError;

/// A file in the making, beside its final name. Both go if this is dropped before it is kept.
pub(super) struct NewFile {
    making: PathBuf,
    target: PathBuf,
    kept: bool,
}

impl NewFile {
    /// Takes the name, which nothing may have.
    pub(super) fn reserve(target: &Path) -> Result<Self, BackupError> {
        create(target)?;
        let mut making = target.as_os_str().to_owned();
        making.push(".partial");
        let new = Self {
            making: making.into(),
            target: target.to_owned(),
            kept: false,
        };
        // What an attempt that was killed has left.
        let _ = fs::remove_file(&new.making);
        create(&new.making)?;
        Ok(new)
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        &self.making
    }

    /// Gives the file its name, once it is on disk.
    pub(super) async fn keep(mut self) -> Result<(), BackupError> {
        let kept = tokio::task::spawn_blocking(move || {
            sync(&self.making)?;
            fs::rename(&self.making, &self.target)
                .map_err(file_error("rename to", &self.target))?;
            self.kept = true;
            let parent = self
                .target
                .parent()
                .filter(|path| !path.as_os_str().is_empty());
            sync(parent.unwrap_or(Path::new(".")))
        });
        kept.await.unwrap_or_else(|error| {
            Err(BackupError::File {
                operation: "write",
                file: PathBuf::new(),
                source: io::Error::other(error),
            })
        })
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = (fs::remove_file(&self.making), fs::remove_file(&self.target));
        }
    }
}

/// Opens a database file, to write to it or only to read what never changes.
pub(super) async fn open(file: &Path, finished: bool) -> Result<SqliteConnection, BackupError> {
    SqliteConnectOptions::new()
        .filename(file)
        // Leaves no files beside it.
        .immutable(finished)
        .read_only(finished)
        .disable_statement_logging()
        .connect()
        .await
        .map_err(sqlite_error("open", file))
}

/// Writes a copy, as of one moment, into an empty file.
pub(super) async fn vacuum_into(
    connection: &mut SqliteConnection,
    file: &Path,
) -> Result<(), BackupError> {
    let path = file.to_str().ok_or_else(|| BackupError::File {
        operation: "name",
        file: file.to_owned(),
        source: io::Error::other("SQLite takes only paths that are UTF-8"),
    })?;
    sqlx::query("VACUUM INTO ?")
        .bind(path)
        .execute(connection)
        .await
        .map_err(sqlite_error("write a copy of the store to", file))?;
    Ok(())
}

/// Whether a file that nobody writes to is a whole store.
pub(super) async fn check(file: &Path) -> Result<(), BackupError> {
    let unusable = |reason: String| BackupError::Unusable {
        file: file.to_owned(),
        reason,
    };
    let mut connection = open(file, true).await?;
    let found = sqlx::query("PRAGMA integrity_check")
        .fetch_all(&mut connection)
        .await
        .map_err(|error| unusable(error.to_string()))?;
    let found: Vec<String> = found.iter().map(|row| row.get(0)).collect();
    if found != ["ok"] {
        return Err(unusable(found.join("; ")));
    }
    let tables = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name IN ('cluster', 'task', 'sequence')";
    let tables: i64 = sqlx::query_scalar(tables)
        .fetch_one(&mut connection)
        .await
        .map_err(|error| unusable(error.to_string()))?;
    match tables {
        3 => Ok(()),
        _ => Err(unusable("it holds no slacktide store".to_owned())),
    }
}

/// Makes a file that only its owner may read: a store holds credentials.
fn create(path: &Path) -> Result<(), BackupError> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(BackupError::Exists(path.to_owned()))
        }
        Err(error) => Err(file_error("create", path)(error)),
    }
}

fn sync(path: &Path) -> Result<(), BackupError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(file_error("write to disk", path))
}

pub(super) fn file_error<'p>(
    operation: &'static str,
    file: &'p Path,
) -> impl FnOnce(io::Error) -> BackupError + 'p {
    move |source| BackupError::File {
        operation,
        file: file.to_owned(),
        source,
    }
}

pub(super) fn sqlite_error<'p>(
    operation: &'static str,
    file: &'p Path,
) -> impl FnOnce(sqlx::Error) -> BackupError + 'p {
    move |source| BackupError::Sqlite {
        operation,
        file: file.to_owned(),
        source,
    }
}
