//! `iam user`.

use anyhow::Context as _;
use slacktide_api::v1::{
    ChangePasswordRequest, CreateUserRequest, DeleteUserRequest, GetUserRequest, GrantRoleRequest,
    ListUsersRequest, ListUsersResponse, LockUserRequest, ResetPasswordRequest, RevokeRoleRequest,
    UnlockUserRequest, User,
};

use super::super::{
    Connection, Failure, Output, connection::ConnectArgs, request_key::RequestKey, text,
};
use crate::user::NewPassword;

const PAGE: i32 = 500;

/// Manage users
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum UserCommand {
    /// Create a user; the password is read from standard input or from SLACKTIDE_NEW_PASSWORD
    Create {
        /// Name of the user
        name: String,
        /// Role of the user; may be given several times
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        #[command(flatten)]
        password: NewPassword,
        #[command(flatten)]
        key: RequestKey,
    },
    /// List the users with their roles
    List,
    /// Show a user
    Get(Named),
    /// Delete a user
    Delete {
        #[command(flatten)]
        of: Named,
        #[command(flatten)]
        key: RequestKey,
    },
    /// Keep a user from signing in
    Lock(Named),
    /// Let a user sign in again, also after too many failed attempts
    Unlock(Named),
    /// Give a user a role
    Grant(Granted),
    /// Take a role from a user
    Revoke(Granted),
    /// Change your own password; the new one is read from standard input or from SLACKTIDE_NEW_PASSWORD
    ChangePassword(NewPassword),
    /// Give another user a password, read from standard input or from SLACKTIDE_NEW_PASSWORD
    ResetPassword {
        #[command(flatten)]
        of: Named,
        #[command(flatten)]
        password: NewPassword,
    },
}

/// A user.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Named {
    /// Name of the user
    name: String,
}

/// A user and a role.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Granted {
    /// Name of the user
    name: String,
    /// Name of the role
    role: String,
}

impl UserCommand {
    pub(super) async fn run(self, args: &ConnectArgs, output: &mut Output) -> anyhow::Result<()> {
        // What is to be typed is asked for before a server is.
        match self {
            Self::Create {
                name,
                roles,
                password,
                key,
            } => {
                let request = CreateUserRequest {
                    name,
                    password: password.read()?,
                    roles,
                    request_id: key.request_id,
                };
                let answer = Connection::open(args)
                    .await?
                    .iam()
                    .create_user(request)
                    .await;
                let user = answer.map_err(Failure::from)?.into_inner().user;
                show(output, user, "created")
            }
            Self::ChangePassword(password) => {
                let request = ChangePasswordRequest {
                    old_password: args.password.as_ref().map(|old| old.reveal().to_owned()).context(
                        "sign in as the user whose password is to be changed: give --user and --password",
                    )?,
                    new_password: password.read()?,
                };
                let answer = Connection::open(args)
                    .await?
                    .iam()
                    .change_password(request)
                    .await;
                let answer = answer.map_err(Failure::from)?.into_inner();
                output.message("ChangePasswordResponse", &answer, |_| {
                    "changed your password: sign in with the new one".to_owned()
                })
            }
            Self::ResetPassword { of, password } => {
                let request = ResetPasswordRequest {
                    name: of.name.clone(),
                    new_password: password.read()?,
                };
                let answer = Connection::open(args)
                    .await?
                    .iam()
                    .reset_password(request)
                    .await;
                let answer = answer.map_err(Failure::from)?.into_inner();
                output.message("ResetPasswordResponse", &answer, |_| {
                    format!("user {} has a new password", of.name)
                })
            }
            other => other.call(&Connection::open(args).await?, output).await,
        }
    }

    /// Those that need nothing but the command line.
    async fn call(self, connection: &Connection, output: &mut Output) -> anyhow::Result<()> {
        let mut client = connection.iam();
        match self {
            Self::Create { .. } | Self::ChangePassword(_) | Self::ResetPassword { .. } => Ok(()),
            Self::List => {
                let listed = all(connection).await?;
                output.message("ListUsersResponse", &listed, |listed| table(&listed.users))
            }
            Self::Get(Named { name }) => {
                let answer = client.get_user(GetUserRequest { name }).await;
                let user = answer.map_err(Failure::from)?.into_inner().user;
                let user = user.unwrap_or_default();
                output.message("User", &user, |user| table(std::slice::from_ref(user)))
            }
            Self::Delete { of, key } => {
                let request = DeleteUserRequest {
                    name: of.name.clone(),
                    request_id: key.request_id,
                };
                let answer = client.delete_user(request).await.map_err(Failure::from)?;
                output.message("DeleteUserResponse", &answer.into_inner(), |_| {
                    format!("deleted user {}", of.name)
                })
            }
            Self::Lock(Named { name }) => {
                let answer = client.lock_user(LockUserRequest { name }).await;
                let user = answer.map_err(Failure::from)?.into_inner().user;
                show(output, user, "locked")
            }
            Self::Unlock(Named { name }) => {
                let answer = client.unlock_user(UnlockUserRequest { name }).await;
                let user = answer.map_err(Failure::from)?.into_inner().user;
                show(output, user, "unlocked")
            }
            Self::Grant(Granted { name: user, role }) => {
                let answer = client.grant_role(GrantRoleRequest { user, role }).await;
                let user = answer.map_err(Failure::from)?.into_inner().user;
                show(output, user, "changed")
            }
            Self::Revoke(Granted { name: user, role }) => {
                let answer = client.revoke_role(RevokeRoleRequest { user, role }).await;
                let user = answer.map_err(Failure::from)?.into_inner().user;
                show(output, user, "changed")
            }
        }
    }
}

async fn all(connection: &Connection) -> Result<ListUsersResponse, Failure> {
    let mut client = connection.iam();
    let mut listed = ListUsersResponse::default();
    loop {
        let request = ListUsersRequest {
            page_size: PAGE,
            page_token: listed.next_page_token,
            ..ListUsersRequest::default()
        };
        let page = client.list_users(request).await?.into_inner();
        listed.users.extend(page.users);
        listed.total_size = page.total_size;
        listed.next_page_token = page.next_page_token;
        if listed.next_page_token.is_empty() {
            return Ok(listed);
        }
    }
}

fn show(output: &mut Output, user: Option<User>, done: &str) -> anyhow::Result<()> {
    output.message("User", &user.unwrap_or_default(), |user| {
        let roles = match user.roles.is_empty() {
            true => "no roles".to_owned(),
            false => format!("the roles {}", user.roles.join(", ")),
        };
        format!("{done} user {}, with {roles}", user.name)
    })
}

fn table(users: &[User]) -> String {
    let row = |user: &User| {
        [
            user.id.to_string(),
            text::one_line(&user.name),
            if user.locked { "yes" } else { "no" }.to_owned(),
            text::or_dash(&user.roles.join(",")),
            text::time(user.create_time.as_ref()),
        ]
    };
    text::columns(
        ["ID", "NAME", "LOCKED", "ROLES", "SINCE"],
        users.iter().map(row).collect(),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        connect: ConnectArgs,
        #[command(subcommand)]
        command: UserCommand,
    }

    #[test]
    fn the_user_who_is_named_is_not_who_signs_in() {
        for verb in [
            &["get", "adam"][..],
            &["create", "adam"],
            &["delete", "adam"],
            &["lock", "adam"],
            &["unlock", "adam"],
            &["grant", "adam", "WEST"],
            &["revoke", "adam", "WEST"],
            &["reset-password", "adam"],
        ] {
            let signed_in = &["iam", "--user", "ada", "--password", "tide"];
            let line = Line::try_parse_from([signed_in, verb].concat()).unwrap();
            assert_eq!(line.connect.user.as_deref(), Some("ada"), "{verb:?}");
            let password = line.connect.password.unwrap();
            assert_eq!(password.reveal(), "tide", "{verb:?}");
        }
    }

    #[test]
    fn a_user_shows_roles_and_lock() {
        let user = User {
            id: 101,
            name: "eve".to_owned(),
            roles: vec!["TASK_VIEWER".to_owned(), "WEST".to_owned()],
            locked: true,
            ..User::default()
        };
        let bare = User {
            id: 102,
            name: "adam".to_owned(),
            ..User::default()
        };
        let lines = table(&[user, bare]);
        let words: Vec<Vec<_>> = lines
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            words[1..],
            [
                vec!["101", "eve", "yes", "TASK_VIEWER,WEST", "-"],
                vec!["102", "adam", "no", "-", "-"]
            ]
        );
    }
}
