//! OCP's permission expressions (`docs/contract.md`, "Permissions").
//!
//! ```text
//!   **                               everything
//!   DOMAIN:OBJECT:ACTION             CLUSTER:5:UPDATE, TASK:*:READ, CLUSTER:*:*
//!   CLUSTER:ID:TENANT:ID:ACTION      CLUSTER:5:TENANT:*:READ
//! ```
//!
//! What a call needs is an expression, too: `*` as its object means all objects, and is covered only by `*`.

use std::{fmt, str::FromStr};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is OCP's word")]
        pub enum $name {
            $($variant,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// What objects are of.
    Domain {
        Cluster = "CLUSTER",
        Tenant = "TENANT",
        Task = "TASK",
        Host = "HOST",
        Alarm = "ALARM",
        User = "USER",
        Role = "ROLE",
        Package = "PACKAGE",
        Obproxy = "OBPROXY",
        Audit = "AUDIT",
        Property = "PROPERTY",
        Profile = "PROFILE",
        Inspection = "INSPECTION",
    }
}

words! {
    /// What is done to them.
    Action {
        Read = "READ",
        Create = "CREATE",
        Update = "UPDATE",
        Delete = "DELETE",
        Backup = "BACKUP",
    }
}

/// One part of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<T> {
    /// `*`.
    Any,
    /// This one.
    Only(T),
}

impl<T: PartialEq> Part<T> {
    fn covers(&self, other: &Self) -> bool {
        *self == Self::Any || self == other
    }
}

/// Objects of a domain; their ids count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The domain.
    pub domain: Part<Domain>,
    /// The objects.
    pub object: Part<i64>,
}

impl Scope {
    fn covers(&self, other: &Self) -> bool {
        self.domain.covers(&other.domain) && self.object.covers(&other.object)
    }
}

/// A permission expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expression {
    /// `**`.
    Everything,
    /// An action on objects.
    On {
        /// The objects, or what they are in.
        outer: Scope,
        /// The objects, if they are in others.
        inner: Option<Scope>,
        /// The action.
        action: Part<Action>,
    },
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadExpression {
    /// The number of its parts.
    #[error("must be ** or have 3 or 5 parts, like CLUSTER:5:UPDATE, not {0}")]
    Parts(usize),
    /// An unknown domain.
    #[error(
        "has no domain: must be * or one of CLUSTER, TENANT, TASK, HOST, ALARM, USER, ROLE, PACKAGE, OBPROXY, AUDIT, PROPERTY, PROFILE, INSPECTION, not {0:?}"
    )]
    Domain(String),
    /// An object that is no id.
    #[error("has no object: must be * or an id, a whole number from 1, not {0:?}")]
    Object(String),
    /// An unknown action.
    #[error("has no action: must be * or one of READ, CREATE, UPDATE, DELETE, BACKUP, not {0:?}")]
    Action(String),
    /// Objects in objects that have none.
    #[error("names objects in others: only CLUSTER has such, and they are of TENANT")]
    Nesting,
}

impl Expression {
    /// An action on an object of a domain.
    pub fn of(domain: Domain, object: i64, action: Action) -> Self {
        Self::on(domain, Part::Only(object), action)
    }

    /// An action on all objects of a domain.
    pub fn of_all(domain: Domain, action: Action) -> Self {
        Self::on(domain, Part::Any, action)
    }

    fn on(domain: Domain, object: Part<i64>, action: Action) -> Self {
        Self::On {
            outer: Scope {
                domain: Part::Only(domain),
                object,
            },
            inner: None,
            action: Part::Only(action),
        }
    }

    /// Whether whoever has this has the other, too.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (Self::On { .. }, Self::Everything) => false,
            (
                Self::On {
                    outer,
                    inner,
                    action,
                },
                Self::On {
                    outer: other_outer,
                    inner: other_inner,
                    action: other_action,
                },
            ) => {
                let inner = match (inner, other_inner) {
                    (None, None) => true,
                    (Some(inner), Some(other)) => inner.covers(other),
                    _ => false,
                };
                outer.covers(other_outer) && inner && action.covers(other_action)
            }
        }
    }
}

impl FromStr for Expression {
    type Err = BadExpression;

    fn from_str(text: &str) -> Result<Self, BadExpression> {
        if text == "**" {
            return Ok(Self::Everything);
        }
        // One part too many is enough to know: the text may be of any length.
        let parts: Vec<_> = text.splitn(7, ':').collect();
        let (outer, inner, action) = match parts.as_slice() {
            [domain, object, action] => (scope(domain, object)?, None, *action),
            [domain, object, inner_domain, inner_object, action] => {
                let outer = scope(domain, object)?;
                let inner = scope(inner_domain, inner_object)?;
                (outer, Some(inner), *action)
            }
            parts => return Err(BadExpression::Parts(parts.len())),
        };
        let action = part(action, Action::ALL, Action::word)
            .ok_or_else(|| BadExpression::Action(quoted(action)))?;
        if let Some(inner) = inner
            && (outer.domain, inner.domain)
                != (Part::Only(Domain::Cluster), Part::Only(Domain::Tenant))
        {
            return Err(BadExpression::Nesting);
        }
        Ok(Self::On {
            outer,
            inner,
            action,
        })
    }
}

fn scope(domain: &str, object: &str) -> Result<Scope, BadExpression> {
    Ok(Scope {
        domain: part(domain, Domain::ALL, Domain::word)
            .ok_or_else(|| BadExpression::Domain(quoted(domain)))?,
        object: id(object).ok_or_else(|| BadExpression::Object(quoted(object)))?,
    })
}

fn part<T: Copy>(text: &str, all: &[T], word: impl Fn(T) -> &'static str) -> Option<Part<T>> {
    if text == "*" {
        return Some(Part::Any);
    }
    let found = all.iter().find(|one| word(**one) == text);
    found.map(|one| Part::Only(*one))
}

/// An id in its one spelling: no sign, no leading zero.
fn id(text: &str) -> Option<Part<i64>> {
    if text == "*" {
        return Some(Part::Any);
    }
    let canonical = text.starts_with(|first| matches!(first, '1'..='9'));
    let id = text.parse().ok().filter(|_| canonical)?;
    Some(Part::Only(id))
}

/// So much of a text as an error shows.
fn quoted(text: &str) -> String {
    text.chars().take(32).collect()
}

impl<T: fmt::Display> fmt::Display for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Only(one) => one.fmt(f),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.domain, self.object)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("**"),
            Self::On {
                outer,
                inner: None,
                action,
            } => write!(f, "{outer}:{action}"),
            Self::On {
                outer,
                inner: Some(inner),
                action,
            } => write!(f, "{outer}:{inner}:{action}"),
        }
    }
}

#[cfg(test)]
mod tests;
