use std::{io, path::PathBuf};

/// Why there is no backup, or no way back from it.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database is none of a file.
    #[error("the data lie in {database}, which is not backed up by slacktide: use {tool}")]
    NotEmbedded {
        /// What the data lie in.
        database: &'static str,
        /// What backs it up.
        tool: &'static str,
    },
    /// There is something already.
    #[error("{} exists already: nothing is overwritten, name another file or move this one away", .0.display())]
    Exists(PathBuf),
    /// What should be a backup cannot be used as one.
    #[error("{} is not a usable backup: {reason}", .file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{operation} {}", .file.display())]
    File {
        /// What was being done.
        operation: &'static str,
        /// With which file.
        file: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("{operation} {}", .file.display())]
    Sqlite {
        /// What was being done.
        operation: &'static str,
        /// With which file.
        file: PathBuf,
        /// The error.
        source: sqlx::Error,
    },
}
