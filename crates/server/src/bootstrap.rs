//! The first start: an administrator, so that somebody can sign in.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use slacktide_store::{Store, StoreError};

use crate::{
    roles::Role,
    users::{self, AddUserError},
};

/// Name of the first user.
pub const ADMIN: &str = "admin";

/// Name of the file in the data directory that holds a generated password.
pub const PASSWORD_FILE: &str = "admin-password";

/// Why there is no administrator.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The store failed.
    #[error("could not look for the user {ADMIN}")]
    Store(#[from] StoreError),
    /// The user could not be added.
    #[error("could not add the user {ADMIN}")]
    Add(#[from] AddUserError),
    /// The generated password could not be written.
    #[error("could not write the password of the user {ADMIN} to {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The machine gives no random numbers.
    #[error("could not generate a password: {0}")]
    Random(getrandom::Error),
}

/// Adds the user `admin` with the role ADMIN if there is none: with `password`, or with a generated one that
/// is written to [`PASSWORD_FILE`], readable by the owner alone, and announced in the log by its path.
///
/// # Errors
/// [`BootstrapError`].
pub async fn ensure_admin(
    store: &Store,
    password: Option<&str>,
    data_dir: &Path,
) -> Result<(), BootstrapError> {
    if store.user(ADMIN).await?.is_some() {
        if password.is_some() {
            tracing::info!(user = ADMIN, "the user exists: its password stays as it is");
        }
        return Ok(());
    }
    let generated = match password {
        Some(_) => None,
        None => Some(generate()?),
    };
    if let Some(generated) = &generated {
        // Before the user is added: a crash in between leaves a file that the next start replaces, not a
        // user whose password nobody knows.
        let path = data_dir.join(PASSWORD_FILE);
        write_private(&path, generated).map_err(|source| BootstrapError::Write { path, source })?;
    }
    let password = password.or(generated.as_deref()).unwrap_or_default();
    users::add(store, ADMIN, password, &[Role::Admin]).await?;
    if generated.is_some() {
        let path = data_dir.join(PASSWORD_FILE);
        tracing::info!(user = ADMIN, path = %path.display(), "added the user with a generated password");
    } else {
        tracing::info!(user = ADMIN, "added the user with the given password");
    }
    Ok(())
}

fn generate() -> Result<String, BootstrapError> {
    let mut random = [0; 18];
    getrandom::fill(&mut random).map_err(BootstrapError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

fn write_private(path: &Path, password: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{password}")?;
    file.sync_all()
}
