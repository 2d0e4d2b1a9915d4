//! OCP's default roles, which are built in (`docs/contract.md`, "Permissions").

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
    /// May do everything with tasks.
    TaskManager,
    /// May read tasks.
    TaskViewer,
    /// May do everything with tenants, and read clusters and tasks.
    TenantManager,
    /// May read tenants, clusters and tasks.
    TenantViewer,
}

/// No built-in role has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no role {0:?}: choose ADMIN, CLUSTER_MANAGER, CLUSTER_VIEWER, TASK_MANAGER, TASK_VIEWER, \
     TENANT_MANAGER or TENANT_VIEWER"
)]
pub struct UnknownRole(pub String);

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Admin,
        Self::ClusterManager,
        Self::ClusterViewer,
        Self::TaskManager,
        Self::TaskViewer,
        Self::TenantManager,
        Self::TenantViewer,
    ];

    /// OCP's name, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::ClusterManager => "CLUSTER_MANAGER",
            Self::ClusterViewer => "CLUSTER_VIEWER",
            Self::TaskManager => "TASK_MANAGER",
            Self::TaskViewer => "TASK_VIEWER",
            Self::TenantManager => "TENANT_MANAGER",
            Self::TenantViewer => "TENANT_VIEWER",
        }
    }

    /// What the role permits, as permission expressions.
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
            Self::TaskManager => &["TASK:*:*"],
            Self::TaskViewer => &["TASK:*:READ"],
            Self::TenantManager => &[
                "CLUSTER:*:TENANT:*:*",
                "CLUSTER:*:READ",
                "TASK:*:READ",
                "HOST:*:READ",
                "ALARM:*:READ",
                "OBPROXY:*:READ",
            ],
            Self::TenantViewer => &[
                "CLUSTER:*:TENANT:*:READ",
                "CLUSTER:*:READ",
                "TASK:*:READ",
                "HOST:*:READ",
                "ALARM:*:READ",
                "OBPROXY:*:READ",
            ],
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iam::{Grants, expression::Expression};

    #[test]
    fn roles_permit_what_the_contract_says() {
        let grants = Role::ALL.map(|role| {
            let texts = role.expressions().iter();
            texts.map(|text| text.parse().unwrap()).collect::<Grants>()
        });
        for (wanted, by) in [
            ("CLUSTER:*:CREATE", [1, 1, 0, 0, 0, 0, 0]),
            ("CLUSTER:7:UPDATE", [1, 1, 0, 0, 0, 0, 0]),
            ("CLUSTER:7:DELETE", [1, 1, 0, 0, 0, 0, 0]),
            ("CLUSTER:7:READ", [1, 1, 1, 0, 0, 1, 1]),
            ("CLUSTER:*:READ", [1, 1, 1, 0, 0, 1, 1]),
            ("CLUSTER:7:TENANT:8:UPDATE", [1, 0, 0, 0, 0, 1, 0]),
            ("TASK:7:READ", [1, 1, 1, 1, 1, 1, 1]),
            ("TASK:7:UPDATE", [1, 1, 0, 1, 0, 0, 0]),
            ("USER:*:READ", [1, 1, 0, 0, 0, 0, 0]),
            ("USER:*:CREATE", [1, 0, 0, 0, 0, 0, 0]),
            ("ROLE:*:READ", [1, 0, 0, 0, 0, 0, 0]),
            ("**", [1, 0, 0, 0, 0, 0, 0]),
        ] {
            let wanted_expression: Expression = wanted.parse().unwrap();
            let permitted =
                [0, 1, 2, 3, 4, 5, 6].map(|role| u8::from(grants[role].permit(&wanted_expression)));
            assert_eq!(permitted, by, "{wanted}");
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
