//! Making, listing and deleting roles.

use slacktide_engine::time::Micros;
use slacktide_store::{Duplicate, Key, NewRole, RoleId, StoreError};

use super::{IamError, expression::Expression, holding::require_all};
use crate::{
    app::{
        App, AppError, Kind, Violations,
        repeat::{carried_out, until_uncontended},
    },
    auth::Caller,
    roles::Role,
};

/// How many expressions a role has at most.
const MOST_EXPRESSIONS: usize = 200;

/// A role as callers see it.
pub(crate) struct RoleView {
    pub(crate) name: String,
    pub(crate) expressions: Vec<String>,
    /// Who made it and when; none of a built-in one.
    pub(crate) made: Option<(String, Micros)>,
}

impl From<slacktide_store::Role> for RoleView {
    fn from(role: slacktide_store::Role) -> Self {
        Self {
            name: role.name,
            expressions: role.expressions,
            made: Some((role.creator, role.create_time)),
        }
    }
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        let expressions = role.expressions().iter();
        Self {
            name: role.name().to_owned(),
            expressions: expressions.map(|text| (*text).to_owned()).collect(),
            made: None,
        }
    }
}

/// Makes a role of expressions that the caller has.
pub(crate) async fn create_role(
    app: &App,
    caller: &Caller,
    name: &str,
    expressions: &[String],
    key: Option<&Key>,
) -> Result<RoleView, AppError> {
    let wanted = checked(name, expressions)?;
    require_all(caller, &wanted)?;
    let new = NewRole {
        name: name.to_owned(),
        expressions: wanted.iter().map(Expression::to_string).collect(),
        creator: caller.name.clone(),
    };
    until_uncontended(|| attempt(app, caller, &new, key)).await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    new: &NewRole,
    key: Option<&Key>,
) -> Result<RoleView, AppError> {
    if let Some(id) = carried_out(&app.store, key).await? {
        return Ok(app.store.role(RoleId(id)).await?.into());
    }
    if new.name.parse::<Role>().is_ok() {
        return Err(IamError::RoleTaken(new.name.clone()).into());
    }
    match app.store.add_role(new.clone(), key.cloned()).await {
        Ok(role) => {
            tracing::info!(role = role.name, user = caller.name, "created a role");
            Ok(role.into())
        }
        // It may be the same request, carried out since the key was looked up, that took the name.
        Err(StoreError::Duplicate(Duplicate::RoleName)) => {
            match carried_out(&app.store, key).await? {
                Some(id) => Ok(app.store.role(RoleId(id)).await?.into()),
                None => Err(IamError::RoleTaken(new.name.clone()).into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// All roles: the built-in ones first.
pub(crate) async fn list_roles(app: &App) -> Result<Vec<RoleView>, AppError> {
    let built_in = Role::ALL.into_iter().map(RoleView::from);
    let others = app.store.roles().await?.into_iter().map(RoleView::from);
    Ok(built_in.chain(others).collect())
}

/// Deletes a role that no user has.
pub(crate) async fn delete_role(
    app: &App,
    caller: &Caller,
    name: &str,
    key: Option<&Key>,
) -> Result<(), AppError> {
    if name.parse::<Role>().is_ok() {
        return Err(IamError::BuiltInRole(name.to_owned()).into());
    }
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
    let gone = || AppError::not_found(Kind::Role, name);
    let named = app.store.roles_named(&[name.to_owned()]).await?;
    let deleted = match named.first() {
        Some(role) => app.store.delete_role(role.id, key.cloned()).await,
        None => Err(StoreError::NotFound {
            kind: "role",
            key: name.to_owned(),
        }),
    };
    match deleted {
        Ok(None) => {
            tracing::info!(role = name, user = caller.name, "deleted a role");
            Ok(())
        }
        Ok(Some(user)) => {
            let role = name.to_owned();
            Err(IamError::RoleInUse { role, user }.into())
        }
        // It may be the same request, carried out since the key was looked up, that took it away.
        Err(StoreError::NotFound { .. }) => match carried_out(&app.store, key).await? {
            Some(_) => Ok(()),
            None => Err(gone()),
        },
        Err(error) => Err(error.into()),
    }
}

fn checked(name: &str, expressions: &[String]) -> Result<Vec<Expression>, AppError> {
    let mut violations = Violations::default();
    if !is_name(name) {
        violations.add(
            "name",
            "must be 2 to 32 letters, digits and underscores: a letter first, no underscore last",
        );
    }
    if !(1..=MOST_EXPRESSIONS).contains(&expressions.len()) {
        violations.add(
            "expressions",
            format!("must be 1 to {MOST_EXPRESSIONS} expressions"),
        );
    }
    let mut wanted = Vec::new();
    for (index, text) in expressions.iter().enumerate() {
        match text.parse() {
            Ok(expression) if wanted.contains(&expression) => {}
            Ok(expression) => wanted.push(expression),
            Err(error) => {
                let error: super::expression::BadExpression = error;
                violations.add(format!("expressions[{index}]"), error.to_string());
            }
        }
    }
    violations.into_result()?;
    Ok(wanted)
}

/// OCP's rule.
fn is_name(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (2..=32).contains(&name.len())
        && name.chars().all(letters)
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.ends_with('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_in_ocp() {
        let long = "R".repeat(33);
        for (name, good) in [
            ("DB", true),
            ("west_2", true),
            (&long[..32], true),
            ("R", false),
            ("2R", false),
            ("_R", false),
            ("R_", false),
            ("R-2", false),
            ("RÖ", false),
            ("R,ADMIN", false),
            (&long, false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
    }
}
