//! `iam role`.

use slacktide_api::v1::{CreateRoleRequest, DeleteRoleRequest, ListRolesRequest, Role};

use super::super::{Connection, Failure, Output, request_key::RequestKey, text};

/// Manage roles
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum RoleCommand {
    /// Create a role; what it permits is never changed afterwards
    Create {
        /// Name of the role: 2 to 32 letters, digits and underscores
        name: String,
        /// What it permits, for example CLUSTER:5:UPDATE; may be given several times
        #[arg(long = "permit", required = true, value_name = "EXPRESSION")]
        expressions: Vec<String>,
        #[command(flatten)]
        key: RequestKey,
    },
    /// List all roles with what they permit
    List,
    /// Delete a role that no user has
    Delete {
        /// Name of the role
        name: String,
        #[command(flatten)]
        key: RequestKey,
    },
}

impl RoleCommand {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let mut client = connection.iam();
        match self {
            Self::Create {
                name,
                expressions,
                key,
            } => {
                let request = CreateRoleRequest {
                    name,
                    expressions,
                    request_id: key.request_id,
                };
                let answer = client.create_role(request).await.map_err(Failure::from)?;
                let role = answer.into_inner().role.unwrap_or_default();
                output.message("Role", &role, |role| format!("created role {}", role.name))
            }
            Self::List => {
                let answer = client.list_roles(ListRolesRequest {}).await;
                let listed = answer.map_err(Failure::from)?.into_inner();
                output.message("ListRolesResponse", &listed, |listed| table(&listed.roles))
            }
            Self::Delete { name, key } => {
                let request = DeleteRoleRequest {
                    name: name.clone(),
                    request_id: key.request_id,
                };
                let answer = client.delete_role(request).await.map_err(Failure::from)?;
                output.message("DeleteRoleResponse", &answer.into_inner(), |_| {
                    format!("deleted role {name}")
                })
            }
        }
    }
}

fn table(roles: &[Role]) -> String {
    let row = |role: &Role| {
        let creator = if role.built_in {
            "built in".to_owned()
        } else {
            text::one_line(&role.creator)
        };
        [role.name.clone(), role.expressions.join(" "), creator]
    };
    text::columns(
        ["NAME", "PERMITS", "CREATOR"],
        roles.iter().map(row).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_shows_what_it_permits_and_whose_it_is() {
        let own = Role {
            name: "WEST".to_owned(),
            expressions: vec!["CLUSTER:5:READ".to_owned(), "CLUSTER:5:UPDATE".to_owned()],
            creator: "admin".to_owned(),
            ..Role::default()
        };
        let built_in = Role {
            name: "ADMIN".to_owned(),
            expressions: vec!["**".to_owned()],
            built_in: true,
            ..Role::default()
        };
        let lines = table(&[built_in, own]);
        let words: Vec<Vec<_>> = lines
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            words[1..],
            [
                vec!["ADMIN", "**", "built", "in"],
                vec!["WEST", "CLUSTER:5:READ", "CLUSTER:5:UPDATE", "admin"]
            ]
        );
    }
}
