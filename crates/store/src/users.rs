//! Users: adding and reading them.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use slacktide_engine::{id::UserId, time::Micros};

use crate::{
    clock,
    connect::Store,
    entity::user_account,
    error::StoreError,
    idempotency::{self, Key},
    ids,
    list::{Listed, Page},
    roles::{self, RoleId},
    write::Tx,
};

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
    /// Whether the user is kept from signing in.
    pub locked: bool,
    /// When the user was added.
    pub create_time: Micros,
    /// Grows with each change.
    pub version: i64,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A user to be added. Without `Debug`, for the sake of the hash.
#[derive(Clone)]
pub struct NewUser {
    /// Unique name.
    pub name: String,
    /// The password's hash in PHC format.
    pub password_hash: String,
    /// Names of roles.
    pub roles: Vec<String>,
    /// Those of the roles that are not built in: they must still be there.
    pub custom_roles: Vec<RoleId>,
}

impl Store {
    /// Adds a user with built-in roles.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if the name is taken.
    pub async fn add_user(
        &self,
        name: &str,
        password_hash: &str,
        roles: &[String],
    ) -> Result<User, StoreError> {
        let new = NewUser {
            name: name.to_owned(),
            password_hash: password_hash.to_owned(),
            roles: roles.to_vec(),
            custom_roles: Vec::new(),
        };
        self.create_user(new, None).await
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if the name is taken, or the idempotency key was used meanwhile;
    /// [`StoreError::NotFound`] if a role is gone.
    pub async fn create_user(&self, new: NewUser, key: Option<Key>) -> Result<User, StoreError> {
        let input = std::sync::Arc::new((new, key));
        self.writer
            .write("adding a user", move |tx| {
                let input = std::sync::Arc::clone(&input);
                Box::pin(async move { insert(&tx, &input.0, input.1.as_ref()).await })
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

    /// A user by id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn user_by_id(&self, id: UserId) -> Result<User, StoreError> {
        let row = user_account::Entity::find_by_id(id.0)
            .one(&self.reads)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found("user", id))?;
        Ok(row.into_user())
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

    /// One page of the users.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn page_of_users(&self, page: Page) -> Result<Listed<User>, StoreError> {
        let view = self.reads.view().await?;
        let listed = page.fetch(user_account::Entity::find(), &view).await?;
        view.end().await?;
        let items = listed.items.into_iter();
        Ok(Listed {
            items: items.map(user_account::Model::into_user).collect(),
            total: listed.total,
        })
    }
}

async fn insert(tx: &Tx<'_>, new: &NewUser, key: Option<&Key>) -> Result<User, StoreError> {
    roles::hold(tx, &new.custom_roles).await?;
    let row = user_account::Model {
        id: FIRST_ID - 1 + ids::next(tx, "user", 1).await?,
        name: new.name.clone(),
        password_hash: new.password_hash.clone(),
        roles: new.roles.join(","),
        create_time: clock::now().0,
        version: 0,
        locked: 0,
    };
    let insert = user_account::ActiveModel {
        id: Set(row.id),
        name: Set(row.name.clone()),
        password_hash: Set(row.password_hash.clone()),
        roles: Set(row.roles.clone()),
        create_time: Set(row.create_time),
        version: Set(row.version),
        locked: Set(row.locked),
    };
    user_account::Entity::insert(insert)
        .exec_without_returning(tx.db)
        .await?;
    if let Some(key) = key {
        idempotency::remember(tx, key, row.id, Micros(row.create_time)).await?;
    }
    Ok(row.into_user())
}

/// OCP's built-in administrator has the id 100; so has ours, being the first user.
const FIRST_ID: i64 = 100;

/// The roles that a column names.
pub(crate) fn roles(column: &str) -> impl Iterator<Item = &str> {
    column.split(',').filter(|role| !role.is_empty())
}

impl user_account::Model {
    fn into_user(self) -> User {
        User {
            id: UserId(self.id),
            name: self.name,
            password_hash: self.password_hash,
            roles: roles(&self.roles).map(str::to_owned).collect(),
            locked: self.locked != 0,
            create_time: Micros(self.create_time),
            version: self.version,
        }
    }
}
