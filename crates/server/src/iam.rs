//! What who calls may do: permissions, what each call needs, and the managing of users and roles.
//!
//! Deny by default: a call that [`needs`] does not name cannot be admitted, and what no expression covers is
//! refused.

mod error;
pub mod expression;
mod grants;
mod holding;
mod needs;
mod roles;
mod users;

pub(crate) use error::IamError;
pub(crate) use grants::{Grants, Objects};
pub(crate) use holding::grants;
pub(crate) use needs::{Guarded, admit};
pub(crate) use roles::{RoleView, create_role, delete_role, list_roles};
pub(crate) use users::{
    NewAccount, change_password, create_user, delete_user, grant_role, named, reset_password,
    revoke_role, set_locked,
};
