//! Built-in roles and what they permit, in OCP's permission expressions (`docs/contract.md`, "Permissions").
//!
//! An expression is `DOMAIN:OBJECT:ACTION`, each part of which may be `*`; `**` permits everything. To be
//! allowed to manage is not to be allowed to read, unless the action is `*`.

use std::{fmt, str::FromStr};

/// A built-in role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything.
    Admin,
    /// May do everything with clusters and tasks.
    ClusterManager,
    /// May read clusters and tasks.
    ClusterViewer,
}

/// No built-in role has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no role {0:?}: choose ADMIN, CLUSTER_MANAGER or CLUSTER_VIEWER")]
pub struct UnknownRole(pub String);

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Admin, Self::ClusterManager, Self::ClusterViewer];

    /// OCP's name, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::ClusterManager => "CLUSTER_MANAGER",
            Self::ClusterViewer => "CLUSTER_VIEWER",
        }
    }

    /// What the role permits.
    pub fn expressions(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &["**"],
            Self::ClusterManager => &[
                "CLUSTER:*:*",
                "HOST:*:*",
                "TASK:*:*",
                "ALARM:*:*",
                "USER:*:READ",
                "PACKAGE:*:*",
                "OBPROXY:*:*",
            ],
            Self::ClusterViewer => &[
                "CLUSTER:*:READ",
                "HOST:*:READ",
                "TASK:*:READ",
                "ALARM:*:READ",
                "PACKAGE:*:READ",
                "OBPROXY:*:READ",
            ],
        }
    }

    /// Whether the role permits what `wanted` names.
    pub fn permits(self, wanted: &str) -> bool {
        self.expressions()
            .iter()
            .any(|granted| permits(granted, wanted))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.name() == name);
        found.ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

/// Whether the expression `granted` covers `wanted`. A wanted `*` (all objects) is covered only by `*`.
pub fn permits(granted: &str, wanted: &str) -> bool {
    if granted == "**" {
        return true;
    }
    let (mut granted, mut wanted) = (granted.split(':'), wanted.split(':'));
    loop {
        match (granted.next(), wanted.next()) {
            (None, None) => return true,
            (Some(part), Some(of)) if part == "*" || part == of => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_covers_what_it_names() {
        for (granted, wanted, covered) in [
            ("**", "CLUSTER:5:UPDATE", true),
            ("CLUSTER:*:*", "CLUSTER:5:UPDATE", true),
            ("CLUSTER:*:*", "CLUSTER:*:CREATE", true),
            ("CLUSTER:*:*", "TASK:5:READ", false),
            ("CLUSTER:5:UPDATE", "CLUSTER:5:UPDATE", true),
            ("CLUSTER:5:UPDATE", "CLUSTER:5:READ", false),
            ("CLUSTER:5:UPDATE", "CLUSTER:6:UPDATE", false),
            ("CLUSTER:5:*", "CLUSTER:*:UPDATE", false),
            ("CLUSTER:*:READ", "CLUSTER:5:UPDATE", false),
            ("CLUSTER:*:TENANT:*:*", "CLUSTER:5:UPDATE", false),
            ("*", "CLUSTER:5:UPDATE", false),
        ] {
            assert_eq!(permits(granted, wanted), covered, "{granted} on {wanted}");
        }
    }

    #[test]
    fn roles_permit_what_the_contract_says() {
        for (wanted, by) in [
            ("CLUSTER:*:CREATE", [true, true, false]),
            ("CLUSTER:7:UPDATE", [true, true, false]),
            ("CLUSTER:7:DELETE", [true, true, false]),
            ("CLUSTER:7:READ", [true, true, true]),
            ("CLUSTER:*:READ", [true, true, true]),
            ("TASK:7:READ", [true, true, true]),
            ("TASK:7:UPDATE", [true, true, false]),
            ("USER:*:READ", [true, true, false]),
            ("USER:*:CREATE", [true, false, false]),
        ] {
            assert_eq!(Role::ALL.map(|role| role.permits(wanted)), by, "{wanted}");
        }
    }

    #[test]
    fn a_role_is_found_by_its_exact_name() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert_eq!("admin".parse::<Role>(), Err(UnknownRole("admin".into())));
    }
}
