//! Changes of users, each on the user as it was read.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

use crate::{
    clock,
    connect::Store,
    entity::user_account,
    error::StoreError,
    idempotency::{self, Key},
    roles::{self, RoleId},
    statement::statement,
    users::User,
};

/// What is to be changed of a user. Without `Debug`, for the sake of the hash.
#[derive(Clone, PartialEq, Eq)]
pub enum UserChange {
    /// Another password, as its hash in PHC format.
    Password(String),
    /// Kept from signing in, or let in again.
    Locked(bool),
    /// Other roles.
    Roles {
        /// Names of all.
        names: Vec<String>,
        /// What is granted and not built in: it must still be there.
        granted: Option<RoleId>,
    },
}

impl Store {
    /// Changes a user who is still as it was read.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is not, or is gone: read it again. [`StoreError::NotFound`] if a role is gone.
    pub async fn change_user(&self, user: &User, change: UserChange) -> Result<(), StoreError> {
        let (id, version) = (user.id.0, user.version);
        self.writer
            .write("changing a user", move |tx| {
                let change = change.clone();
                Box::pin(async move {
                    let granted = match &change {
                        UserChange::Roles { granted, .. } => *granted,
                        UserChange::Password(_) | UserChange::Locked(_) => None,
                    };
                    roles::hold(&tx, granted.as_slice()).await?;
                    let (column, value) = match change {
                        UserChange::Password(hash) => {
                            (user_account::Column::PasswordHash, Expr::value(hash))
                        }
                        UserChange::Locked(locked) => {
                            (user_account::Column::Locked, Expr::value(i64::from(locked)))
                        }
                        UserChange::Roles { names, .. } => {
                            (user_account::Column::Roles, Expr::value(names.join(",")))
                        }
                    };
                    let changed = user_account::Entity::update_many()
                        .col_expr(column, value)
                        .col_expr(user_account::Column::Version, Expr::cust("version + 1"))
                        .filter(user_account::Column::Id.eq(id))
                        .filter(user_account::Column::Version.eq(version))
                        .exec(tx.db)
                        .await?;
                    match changed.rows_affected {
                        0 => Err(StoreError::Conflict("the user")),
                        _ => Ok(()),
                    }
                })
            })
            .await
    }

    /// Deletes a user who is still as it was read. What the user made is kept.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is not, or is gone: read it again. [`StoreError::Duplicate`] if the idempotency
    /// key was used meanwhile.
    pub async fn delete_user(&self, user: &User, key: Option<Key>) -> Result<(), StoreError> {
        let (id, version) = (user.id.0, user.version);
        self.writer
            .write("deleting a user", move |tx| {
                let key = key.clone();
                Box::pin(async move {
                    let delete = "DELETE FROM user_account WHERE id = ? AND version = ?";
                    let delete = statement(tx.db, delete, [id.into(), version.into()]);
                    if tx.db.execute_raw(delete).await?.rows_affected() == 0 {
                        return Err(StoreError::Conflict("the user"));
                    }
                    if let Some(key) = &key {
                        idempotency::remember(&tx, key, id, clock::now()).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
