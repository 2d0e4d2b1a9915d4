//! Which roles a process has.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a process does for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Serves gRPC.
    Server,
    /// Serves REST, by calling gRPC.
    Gateway,
    /// Runs subtasks.
    Executor,
}

impl Role {
    const ALL: [Self; 3] = [Self::Server, Self::Gateway, Self::Executor];

    fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Gateway => "gateway",
            Self::Executor => "executor",
        }
    }
}

/// At least one role, written `server,gateway,executor`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Roles(BTreeSet<Role>);

/// A text that is no list of roles.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no roles: write one or more of server, gateway and executor, with commas between them"
)]
pub(crate) struct NoRoles(String);

impl Roles {
    pub(crate) fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether the process reads and writes the database.
    pub(crate) fn need_database(&self) -> bool {
        self.has(Role::Server) || self.has(Role::Executor)
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self(Role::ALL.into())
    }
}

impl FromStr for Roles {
    type Err = NoRoles;

    fn from_str(text: &str) -> Result<Self, NoRoles> {
        let role = |word: &str| {
            Role::ALL
                .into_iter()
                .find(|role| role.word() == word.trim())
        };
        let roles: Option<_> = text.split(',').map(role).collect();
        roles.map(Self).ok_or_else(|| NoRoles(text.to_owned()))
    }
}

impl TryFrom<String> for Roles {
    type Error = NoRoles;

    fn try_from(text: String) -> Result<Self, NoRoles> {
        text.parse()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(|role| role.word()).collect();
        f.write_str(&words.join(","))
    }
}

impl From<Roles> for String {
    fn from(roles: Roles) -> Self {
        roles.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_words_in_any_order() {
        let roles: Roles = "executor, server".parse().unwrap();
        assert!(roles.has(Role::Server) && roles.has(Role::Executor) && !roles.has(Role::Gateway));
        assert_eq!(roles.to_string(), "server,executor");
        assert_eq!(Roles::default().to_string(), "server,gateway,executor");
    }

    #[test]
    fn what_names_no_role_is_refused() {
        for text in ["", "server,", "agent", "server;gateway", "Server"] {
            let refused = text.parse::<Roles>().unwrap_err().to_string();
            assert!(
                refused.contains("server, gateway and executor"),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_gateway_alone_needs_no_database() {
        let needs = |roles: &str| roles.parse::<Roles>().unwrap().need_database();
        assert!(!needs("gateway"));
        assert!(needs("gateway,server") && needs("executor"));
    }
}
