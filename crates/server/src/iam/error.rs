//! What keeps users and roles from being managed as asked.

/// Why a user or a role is not managed as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IamError {
    #[error("there is a user {0} already")]
    UserTaken(String),
    #[error("there is a role {0} already")]
    RoleTaken(String),
    #[error("user {user} has the role {role}: revoke it first")]
    RoleInUse { role: String, user: String },
    #[error("role {0} is built in and stays")]
    BuiltInRole(String),
    #[error("user {0} is the built-in administrator and stays: lock it instead")]
    BuiltInUser(String),
    #[error("nobody can {0} themselves: ask another administrator")]
    Oneself(&'static str),
    #[error("the old password is wrong")]
    WrongOldPassword,
}
