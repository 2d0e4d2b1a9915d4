//! What roles permit, by their names: the built-in ones' by definition, the others' by the store.

use slacktide_store::{RoleId, Store, StoreError};

use super::{Grants, expression::Expression};
use crate::{
    app::{AppError, Kind},
    auth::Caller,
    roles,
};

/// A role that exists.
pub(super) struct Held {
    pub(super) name: String,
    /// None of a built-in one.
    pub(super) custom: Option<RoleId>,
    expressions: Vec<Expression>,
}

/// What roles permit together. One that does not exist, or cannot be read, permits nothing.
pub(crate) async fn grants(store: &Store, names: &[String]) -> Result<Grants, StoreError> {
    let held = held(store, names).await?;
    Ok(held.into_iter().flat_map(|role| role.expressions).collect())
}

/// The roles of these names, which exist and permit nothing that the caller may not do.
///
/// # Errors
/// [`AppError::NotFound`]; [`AppError::Denied`].
pub(super) async fn within(
    store: &Store,
    caller: &Caller,
    names: &[String],
) -> Result<Vec<Held>, AppError> {
    let held = held(store, names).await?;
    for name in names {
        if !held.iter().any(|role| role.name == *name) {
            return Err(AppError::not_found(Kind::Role, name));
        }
    }
    for role in &held {
        require_all(caller, &role.expressions)?;
    }
    Ok(held)
}

/// Checks that a caller has all of these.
pub(super) fn require_all(caller: &Caller, expressions: &[Expression]) -> Result<(), AppError> {
    expressions.iter().try_for_each(|one| caller.require(one))
}

/// Checks that a caller has all that the roles of a user permit.
pub(super) async fn require_no_less(
    store: &Store,
    caller: &Caller,
    roles: &[String],
) -> Result<(), AppError> {
    for role in held(store, roles).await? {
        require_all(caller, &role.expressions)?;
    }
    Ok(())
}

async fn held(store: &Store, names: &[String]) -> Result<Vec<Held>, StoreError> {
    let (mut held, mut others) = (Vec::new(), Vec::new());
    for name in names {
        match name.parse::<roles::Role>() {
            Ok(role) => held.push(Held {
                name: name.clone(),
                custom: None,
                expressions: readable(name, role.expressions()),
            }),
            Err(_) => others.push(name.clone()),
        }
    }
    for role in store.roles_named(&others).await? {
        held.push(Held {
            expressions: readable(&role.name, &role.expressions),
            name: role.name,
            custom: Some(role.id),
        });
    }
    Ok(held)
}

fn readable(role: &str, texts: &[impl AsRef<str>]) -> Vec<Expression> {
    let read = |text: &str| match text.parse() {
        Ok(expression) => Some(expression),
        Err(error) => {
            let error: super::expression::BadExpression = error;
            tracing::warn!(role, text, %error, "an expression of a role permits nothing");
            None
        }
    };
    texts
        .iter()
        .filter_map(|text| read(text.as_ref()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_expression_can_be_read() {
        for role in roles::Role::ALL {
            let read = readable(role.name(), role.expressions());
            assert_eq!(read.len(), role.expressions().len(), "{role}");
        }
    }
}
