//! The user who calls, and what that user may do.

use slacktide_engine::{id::UserId, task::Creator};
use slacktide_store::User;

use crate::{app::AppError, roles::Role};

/// A user who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) roles: Vec<Role>,
}

impl Caller {
    /// Checks a permission on one object, or on all of them: `*`.
    pub(crate) fn require(
        &self,
        domain: &str,
        object: impl std::fmt::Display,
        action: &str,
    ) -> Result<(), AppError> {
        let permission = format!("{domain}:{object}:{action}");
        if self.roles.iter().any(|role| role.permits(&permission)) {
            Ok(())
        } else {
            Err(AppError::Denied {
                user: self.name.clone(),
                permission,
            })
        }
    }

    pub(crate) fn as_creator(&self) -> Creator {
        Creator {
            id: self.id,
            name: self.name.clone(),
        }
    }
}

impl From<User> for Caller {
    fn from(user: User) -> Self {
        let known = |name: &String| match name.parse() {
            Ok(role) => Some(role),
            Err(error) => {
                tracing::warn!(user = user.name, %error, "the user's role permits nothing");
                None
            }
        };
        Self {
            id: user.id,
            roles: user.roles.iter().filter_map(known).collect(),
            name: user.name,
        }
    }
}
