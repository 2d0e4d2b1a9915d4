//! Adding users: the rules for their names, passwords and roles.

use slacktide_store::{Duplicate, Store, StoreError, User};
use tokio::task::JoinError;

use crate::{
    password::{self, PasswordError},
    roles::Role,
};

/// The longest user name, in characters.
pub const MAX_NAME: usize = 64;

/// Why a user was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// The name cannot be used. A colon would end it early in HTTP Basic credentials.
    #[error(
        "a user name has 1 to {MAX_NAME} characters, none of them a colon or a control character"
    )]
    Name,
    /// The name is taken.
    #[error("there is a user {0} already")]
    Taken(String),
    /// The password cannot be used.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The hashing thread ended early.
    #[error("hashing the password was cut off")]
    CutOff(#[from] JoinError),
    /// The store failed.
    #[error("the user could not be stored")]
    Store(#[source] StoreError),
}

/// Adds a user.
///
/// # Errors
/// [`AddUserError`].
pub async fn add(
    store: &Store,
    name: &str,
    password: &str,
    roles: &[Role],
) -> Result<User, AddUserError> {
    if !is_name(name) {
        return Err(AddUserError::Name);
    }
    let password = password.to_owned();
    let hash = tokio::task::spawn_blocking(move || password::hash(&password)).await??;
    let roles: Vec<_> = roles.iter().map(Role::to_string).collect();
    store
        .add_user(name, &hash, &roles)
        .await
        .map_err(|error| match error {
            StoreError::Duplicate(Duplicate::UserName) => AddUserError::Taken(name.to_owned()),
            other => AddUserError::Store(other),
        })
}

/// Whether a user may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let usable = |letter: char| letter != ':' && !letter.is_control();
    (1..=MAX_NAME).contains(&name.chars().count()) && name.chars().all(usable)
}
