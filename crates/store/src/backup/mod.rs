//! Backups of the embedded store, and the way back. Shared databases have tools of their own for both.

mod copy;
mod error;
mod restore;

use std::path::Path;

use sea_orm::{ConnectionTrait as _, DbBackend};

use self::copy::{NewFile, check, open};
pub use self::{error::BackupError, restore::restore};
use crate::{connect::Store, statement::statement};

impl Store {
    /// Writes a copy of a SQLite store, as it is at one moment, to a file that must not exist yet. Others read and
    /// write meanwhile. The copy is checked, readable by its owner alone, and on disk when this returns.
    ///
    /// # Errors
    /// [`BackupError`]; no file is left then.
    pub async fn backup(&self, to: &Path) -> Result<(), BackupError> {
        let source = self.file().await?;
        let target = NewFile::reserve(to)?;
        let mut connection = open(&source, false).await?;
        copy::vacuum_into(&mut connection, target.path()).await?;
        check(target.path()).await?;
        target.keep().await
    }

    /// The file of the store.
    async fn file(&self) -> Result<std::path::PathBuf, BackupError> {
        match self.reads.get_database_backend() {
            DbBackend::Sqlite => {}
            DbBackend::Postgres => {
                return Err(BackupError::NotEmbedded {
                    database: "PostgreSQL",
                    tool: "pg_dump",
                });
            }
            _ => {
                return Err(BackupError::NotEmbedded {
                    database: "MySQL, MariaDB or OceanBase",
                    tool: "mysqldump (mariadb-dump, obdumper)",
                });
            }
        }
        let select = "SELECT file FROM pragma_database_list WHERE name = 'main'";
        let row = self
            .reads
            .query_one_raw(statement(&self.reads, select, []))
            .await;
        let file: Option<String> = row
            .and_then(|row| row.map(|row| row.try_get("", "file")).transpose())
            .map_err(|error| BackupError::Store(error.into()))?;
        Ok(file.unwrap_or_default().into())
    }
}
