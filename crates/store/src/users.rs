//! Users.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use slacktide_engine::{id::UserId, time::Micros};

use crate::{clock, connect::Store, entity::user_account, error::StoreError, ids};

/// A user with the roles that decide what the user may do.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub id: UserId,
    /// Unique name.
    pub name: String,
    /// The password's hash in PHC format.
    pub password_hash: String,
    /// Names of roles.
    pub roles: Vec<String>,
    /// When the user was added.
    pub create_time: Micros,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if the name is taken.
    pub async fn add_user(
        &self,
        name: &str,
        password_hash: &str,
        roles: &[String],
    ) -> Result<User, StoreError> {
        let user = User {
            id: UserId(0),
            name: name.to_owned(),
            password_hash: password_hash.to_owned(),
            roles: roles.to_vec(),
            create_time: clock::now(),
        };
        self.writer
            .write("adding a user", move |tx| {
                let mut user = user.clone();
                Box::pin(async move {
                    user.id = UserId(FIRST_ID - 1 + ids::next(&tx, "user", 1).await?);
                    let row = user_account::ActiveModel {
                        id: Set(user.id.0),
                        name: Set(user.name.clone()),
                        password_hash: Set(user.password_hash.clone()),
                        roles: Set(user.roles.join(",")),
                        create_time: Set(user.create_time.0),
                        version: Set(0),
                    };
                    user_account::Entity::insert(row)
                        .exec_without_returning(tx.db)
                        .await?;
                    Ok(user)
                })
            })
            .await
    }

    /// A user by name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let by_name = user_account::Column::Name.eq(name);
        let row = user_account::Entity::find()
            .filter(by_name)
            .one(&self.reads)
            .await?;
        Ok(row.map(user_account::Model::into_user))
    }

    /// All users, by name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let all = user_account::Entity::find().order_by_asc(user_account::Column::Name);
        let rows = all.all(&self.reads).await?;
        Ok(rows
            .into_iter()
            .map(user_account::Model::into_user)
            .collect())
    }
}

/// OCP's built-in administrator has the id 100; so has ours, being the first user.
const FIRST_ID: i64 = 100;

impl user_account::Model {
    fn into_user(self) -> User {
        let roles = self.roles.split(',').filter(|role| !role.is_empty());
        User {
            id: UserId(self.id),
            name: self.name,
            password_hash: self.password_hash,
            roles: roles.map(str::to_owned).collect(),
            create_time: Micros(self.create_time),
        }
    }
}
