//! The first user, where several processes may be the first.

use std::{fs, path::Path};

use slacktide_server::{
    bootstrap::{self, BootstrapError, PASSWORD_FILE},
    users::AddUserError,
};
use slacktide_store::Store;

/// Adds the user `admin` if there is none, as [`bootstrap::ensure_admin`] does. Of processes that begin at once
/// on a new database one adds it; the others take back the password that they had made up.
///
/// # Errors
/// [`BootstrapError`].
pub(super) async fn ensure(
    store: &Store,
    password: Option<&str>,
    data_dir: &Path,
) -> Result<(), BootstrapError> {
    match bootstrap::ensure_admin(store, password, data_dir).await {
        Err(BootstrapError::Add(AddUserError::Taken(user))) => {
            if password.is_none() {
                // It opens nothing. If it cannot be removed, the log tells what to make of it.
                let _ = fs::remove_file(data_dir.join(PASSWORD_FILE));
            }
            tracing::info!(user, "another process added the user first");
            Ok(())
        }
        ended => ended,
    }
}

#[cfg(test)]
mod tests {
    use slacktide_store::Location;

    use super::*;

    #[tokio::test]
    async fn of_processes_that_begin_at_once_one_has_the_password() {
        let home = tempfile::tempdir().unwrap();
        let location = Location::sqlite(home.path().join("slacktide.db"));
        let store = Store::open(&location).await.unwrap();
        let dirs: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
        let begun = dirs.iter().map(|dir| ensure(&store, None, dir.path()));
        for ended in futures::future::join_all(begun).await {
            ended.unwrap();
        }
        let with_password = dirs
            .iter()
            .filter(|dir| dir.path().join(PASSWORD_FILE).exists());
        assert_eq!(with_password.count(), 1);
        assert_eq!(store.users().await.unwrap().len(), 1);
    }
}
