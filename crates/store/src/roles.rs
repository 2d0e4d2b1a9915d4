//! Roles that are not built in.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};
use slacktide_engine::time::Micros;

use crate::{
    clock,
    connect::Store,
    entity::{custom_role, user_account},
    error::StoreError,
    idempotency::{self, Key},
    ids,
    statement::statement,
    users,
    write::Tx,
};

/// A role that is not built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleId(pub i64);

/// What a role permits. It never changes: who wants another makes another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The role.
    pub id: RoleId,
    /// Unique name.
    pub name: String,
    /// Permission expressions.
    pub expressions: Vec<String>,
    /// Name of the user who made it.
    pub creator: String,
    /// When it was made.
    pub create_time: Micros,
}

/// A role to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// Unique name.
    pub name: String,
    /// Permission expressions, none of them with a comma.
    pub expressions: Vec<String>,
    /// Name of the user who makes it.
    pub creator: String,
}

impl Store {
    /// Makes a role.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if its name is taken, or the idempotency key was used meanwhile.
    pub async fn add_role(&self, new: NewRole, key: Option<Key>) -> Result<Role, StoreError> {
        let input = std::sync::Arc::new((new, key));
        self.writer
            .write("making a role", move |tx| {
                let input = std::sync::Arc::clone(&input);
                Box::pin(async move { insert(&tx, &input.0, input.1.as_ref()).await })
            })
            .await
    }

    /// A role by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn role(&self, id: RoleId) -> Result<Role, StoreError> {
        let row = custom_role::Entity::find_by_id(id.0)
            .one(&self.reads)
            .await?;
        let row = row.ok_or_else(|| StoreError::not_found("role", id.0))?;
        Ok(row.into_role())
    }

    /// The roles of these names, as far as there are such, by name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn roles_named(&self, names: &[String]) -> Result<Vec<Role>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let named = custom_role::Column::Name.is_in(names.iter().map(String::as_str));
        let rows = custom_role::Entity::find()
            .filter(named)
            .order_by_asc(custom_role::Column::Name)
            .all(&self.reads)
            .await?;
        Ok(rows
            .into_iter()
            .map(custom_role::Model::into_role)
            .collect())
    }

    /// All roles that are not built in, by name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn roles(&self) -> Result<Vec<Role>, StoreError> {
        let all = custom_role::Entity::find().order_by_asc(custom_role::Column::Name);
        let rows = all.all(&self.reads).await?;
        Ok(rows
            .into_iter()
            .map(custom_role::Model::into_role)
            .collect())
    }

    /// Deletes a role, unless a user has it: that user's name is returned then.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Duplicate`] if the idempotency key was used meanwhile.
    pub async fn delete_role(
        &self,
        id: RoleId,
        key: Option<Key>,
    ) -> Result<Option<String>, StoreError> {
        self.writer
            .write("deleting a role", move |tx| {
                let key = key.clone();
                Box::pin(async move {
                    // Whoever grants it holds its row, too: so it is granted before the users are read, or not.
                    hold(&tx, &[id]).await?;
                    let role = custom_role::Entity::find_by_id(id.0).one(tx.db).await?;
                    let role = role.ok_or_else(|| StoreError::not_found("role", id.0))?;
                    let users = user_account::Entity::find()
                        .order_by_asc(user_account::Column::Name)
                        .all(tx.db)
                        .await?;
                    let has = |user: &user_account::Model| {
                        users::roles(&user.roles).any(|name| name == role.name)
                    };
                    if let Some(user) = users.into_iter().find(has) {
                        return Ok(Some(user.name));
                    }
                    custom_role::Entity::delete_by_id(id.0).exec(tx.db).await?;
                    if let Some(key) = &key {
                        idempotency::remember(&tx, key, id.0, clock::now()).await?;
                    }
                    Ok(None)
                })
            })
            .await
    }
}

async fn insert(tx: &Tx<'_>, new: &NewRole, key: Option<&Key>) -> Result<Role, StoreError> {
    let now = clock::now();
    let row = custom_role::Model {
        id: ids::next(tx, "role", 1).await?,
        name: new.name.clone(),
        expressions: new.expressions.join(","),
        creator: new.creator.clone(),
        create_time: now.0,
        version: 0,
    };
    let insert = custom_role::ActiveModel {
        id: Set(row.id),
        name: Set(row.name.clone()),
        expressions: Set(row.expressions.clone()),
        creator: Set(row.creator.clone()),
        create_time: Set(row.create_time),
        version: Set(row.version),
    };
    custom_role::Entity::insert(insert)
        .exec_without_returning(tx.db)
        .await?;
    if let Some(key) = key {
        idempotency::remember(tx, key, row.id, now).await?;
    }
    Ok(row.into_role())
}

/// Keeps roles from being deleted before the transaction ends.
///
/// # Errors
/// [`StoreError::NotFound`] if one was already.
pub(crate) async fn hold(tx: &Tx<'_>, roles: &[RoleId]) -> Result<(), StoreError> {
    // In one order everywhere, so that no two wait for each other.
    let mut ids: Vec<_> = roles.iter().map(|role| role.0).collect();
    ids.sort_unstable();
    for id in ids {
        let update = "UPDATE custom_role SET version = version + 1 WHERE id = ?";
        let held = tx.db.execute_raw(statement(tx.db, update, [id.into()]));
        if held.await?.rows_affected() == 0 {
            return Err(StoreError::not_found("role", id));
        }
    }
    Ok(())
}

impl custom_role::Model {
    fn into_role(self) -> Role {
        let expressions = self.expressions.split(',').filter(|text| !text.is_empty());
        Role {
            id: RoleId(self.id),
            name: self.name,
            expressions: expressions.map(str::to_owned).collect(),
            creator: self.creator,
            create_time: Micros(self.create_time),
        }
    }
}
