//! Making, changing and deleting users.

use slacktide_engine::id::UserId;
use slacktide_store::{Duplicate, Key, NewUser, StoreError, User, UserChange};

use super::{
    IamError,
    holding::{require_no_less, within},
};
use crate::{
    app::{
        App, AppError, Kind, Violations,
        repeat::{carried_out, until_uncontended},
    },
    auth::Caller,
    bootstrap::ADMIN,
    password::{self, PasswordError},
    users::{MAX_NAME, is_name},
};

/// How many roles a user has at most.
const MOST_ROLES: usize = 20;

/// A user who is asked for. Without `Debug`, for the sake of the password.
pub(crate) struct NewAccount {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) roles: Vec<String>,
}

/// Makes a user with roles that permit nothing that the caller may not do.
pub(crate) async fn create_user(
    app: &App,
    caller: &Caller,
    account: NewAccount,
    key: Option<&Key>,
) -> Result<User, AppError> {
    let NewAccount {
        name,
        password,
        mut roles,
    } = account;
    let mut violations = Violations::default();
    if !is_name(&name) {
        violations.add(
            "name",
            format!(
                "must have 1 to {MAX_NAME} characters, none of them a colon or a control character"
            ),
        );
    }
    roles.sort_unstable();
    roles.dedup();
    if roles.len() > MOST_ROLES {
        violations.add("roles", format!("must be at most {MOST_ROLES} roles"));
    }
    violations.into_result()?;
    if let Some(id) = carried_out(&app.store, key).await? {
        return Ok(app.store.user_by_id(UserId(id)).await?);
    }
    let held = within(&app.store, caller, &roles).await?;
    let new = NewUser {
        password_hash: hashed("password", password).await?,
        custom_roles: held.iter().filter_map(|role| role.custom).collect(),
        name,
        roles,
    };
    until_uncontended(|| attempt_to_create(app, caller, &new, key)).await
}

async fn attempt_to_create(
    app: &App,
    caller: &Caller,
    new: &NewUser,
    key: Option<&Key>,
) -> Result<User, AppError> {
    if let Some(id) = carried_out(&app.store, key).await? {
        return Ok(app.store.user_by_id(UserId(id)).await?);
    }
    match app.store.create_user(new.clone(), key.cloned()).await {
        Ok(user) => {
            tracing::info!(created = user.name, user = caller.name, "created a user");
            Ok(user)
        }
        // It may be the same request, carried out since the key was looked up, that took the name.
        Err(StoreError::Duplicate(Duplicate::UserName)) => {
            match carried_out(&app.store, key).await? {
                Some(id) => Ok(app.store.user_by_id(UserId(id)).await?),
                None => Err(IamError::UserTaken(new.name.clone()).into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// A user by name.
pub(crate) async fn named(app: &App, name: &str) -> Result<User, AppError> {
    let found = app.store.user(name).await?;
    found.ok_or_else(|| AppError::not_found(Kind::User, name))
}

/// A user by name who may do nothing that the caller may not.
async fn subordinate(app: &App, caller: &Caller, name: &str) -> Result<User, AppError> {
    let user = named(app, name).await?;
    require_no_less(&app.store, caller, &user.roles).await?;
    Ok(user)
}

/// Deletes a user.
pub(crate) async fn delete_user(
    app: &App,
    caller: &Caller,
    name: &str,
    key: Option<&Key>,
) -> Result<(), AppError> {
    if name == ADMIN {
        return Err(IamError::BuiltInUser(name.to_owned()).into());
    }
    not_oneself(caller, name, "delete")?;
    until_uncontended(|| attempt_to_delete(app, caller, name, key)).await
}

async fn attempt_to_delete(
    app: &App,
    caller: &Caller,
    name: &str,
    key: Option<&Key>,
) -> Result<(), AppError> {
    if carried_out(&app.store, key).await?.is_some() {
        return Ok(());
    }
    let user = match subordinate(app, caller, name).await {
        // It may be the same request, carried out since the key was looked up, that took it away.
        Err(AppError::NotFound { .. }) if carried_out(&app.store, key).await?.is_some() => {
            return Ok(());
        }
        found => found?,
    };
    app.store.delete_user(&user, key.cloned()).await?;
    app.authenticator.forget(name);
    app.authenticator.forgive(name);
    tracing::info!(deleted = name, user = caller.name, "deleted a user");
    Ok(())
}

/// Changes the caller's own password.
pub(crate) async fn change_password(
    app: &App,
    caller: &Caller,
    old: &str,
    new: String,
) -> Result<(), AppError> {
    if !app.authenticator.is_password(caller, old).await? {
        return Err(IamError::WrongOldPassword.into());
    }
    let hash = hashed("new_password", new).await?;
    until_uncontended(|| async {
        let user = named(app, &caller.name).await?;
        change(app, caller, &user, UserChange::Password(hash.clone())).await
    })
    .await
}

/// Gives another user a password.
pub(crate) async fn reset_password(
    app: &App,
    caller: &Caller,
    name: &str,
    new: String,
) -> Result<(), AppError> {
    // Before the hash, which costs more.
    subordinate(app, caller, name).await?;
    let hash = hashed("new_password", new).await?;
    until_uncontended(|| async {
        let user = subordinate(app, caller, name).await?;
        change(app, caller, &user, UserChange::Password(hash.clone())).await
    })
    .await
}

/// Keeps a user from signing in, or lets the user in again and forgets failed attempts.
pub(crate) async fn set_locked(
    app: &App,
    caller: &Caller,
    name: &str,
    locked: bool,
) -> Result<User, AppError> {
    if locked {
        not_oneself(caller, name, "lock")?;
    }
    until_uncontended(|| async {
        let user = subordinate(app, caller, name).await?;
        if user.locked != locked {
            change(app, caller, &user, UserChange::Locked(locked)).await?;
        }
        Ok(())
    })
    .await?;
    if !locked {
        app.authenticator.forgive(name);
    }
    named(app, name).await
}

/// Gives a user a role.
pub(crate) async fn grant_role(
    app: &App,
    caller: &Caller,
    name: &str,
    role: &str,
) -> Result<User, AppError> {
    until_uncontended(|| async {
        let user = subordinate(app, caller, name).await?;
        let held = within(&app.store, caller, &[role.to_owned()]).await?;
        if user.roles.iter().any(|has| has == role) {
            return Ok(());
        }
        if user.roles.len() >= MOST_ROLES {
            let mut violations = Violations::default();
            violations.add(
                "role",
                format!("must be one of at most {MOST_ROLES} of a user"),
            );
            return Err(violations.into());
        }
        let mut names = user.roles.clone();
        names.push(role.to_owned());
        let granted = held.first().and_then(|role| role.custom);
        change(app, caller, &user, UserChange::Roles { names, granted }).await
    })
    .await?;
    named(app, name).await
}

/// Takes a role from a user.
pub(crate) async fn revoke_role(
    app: &App,
    caller: &Caller,
    name: &str,
    role: &str,
) -> Result<User, AppError> {
    not_oneself(caller, name, "revoke a role from")?;
    until_uncontended(|| async {
        let user = subordinate(app, caller, name).await?;
        let names: Vec<_> = user
            .roles
            .iter()
            .filter(|has| *has != role)
            .cloned()
            .collect();
        if names.len() == user.roles.len() {
            return Ok(());
        }
        let granted = None;
        change(app, caller, &user, UserChange::Roles { names, granted }).await
    })
    .await?;
    named(app, name).await
}

async fn change(
    app: &App,
    caller: &Caller,
    user: &User,
    change: UserChange,
) -> Result<(), AppError> {
    let what = match &change {
        UserChange::Password(_) => "password",
        UserChange::Locked(true) => "locked",
        UserChange::Locked(false) => "unlocked",
        UserChange::Roles { .. } => "roles",
    };
    app.store.change_user(user, change).await?;
    app.authenticator.forget(&user.name);
    tracing::info!(
        changed = user.name,
        what,
        user = caller.name,
        "changed a user"
    );
    Ok(())
}

/// So that whoever administers is left: the last one cannot lock everybody out.
fn not_oneself(caller: &Caller, name: &str, what: &'static str) -> Result<(), AppError> {
    if caller.name == name {
        return Err(IamError::Oneself(what).into());
    }
    Ok(())
}

async fn hashed(field: &str, password: String) -> Result<String, AppError> {
    let hashing = tokio::task::spawn_blocking(move || password::hash(&password)).await;
    let hashed =
        hashing.map_err(|_| AppError::Internal("hashing a password was cut off".into()))?;
    hashed.map_err(|error| match error {
        PasswordError::Hash(error) => AppError::Internal(error.to_string()),
        PasswordError::Empty | PasswordError::TooLong => {
            let mut violations = Violations::default();
            let rule = format!("must have 1 to {} bytes", password::MAX_LEN);
            violations.add(field, rule);
            violations.into()
        }
    })
}
