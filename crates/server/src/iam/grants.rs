//! What a user is permitted, all roles together.

use std::sync::Arc;

use super::expression::{Action, Domain, Expression, Part};

/// The expressions of all roles of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants(Arc<[Expression]>);

/// Objects that somebody may do something with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Objects {
    All,
    /// These alone; possibly none.
    Only(Vec<i64>),
}

impl Objects {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Only(ids) if ids.is_empty())
    }
}

impl FromIterator<Expression> for Grants {
    fn from_iter<I: IntoIterator<Item = Expression>>(expressions: I) -> Self {
        Self(expressions.into_iter().collect())
    }
}

impl Grants {
    /// Whether one of the expressions covers what is wanted.
    pub(crate) fn permit(&self, wanted: &Expression) -> bool {
        self.0.iter().any(|granted| granted.covers(wanted))
    }

    /// Which objects of a domain an action is permitted on.
    pub(crate) fn objects(&self, domain: Domain, action: Action) -> Objects {
        if self.permit(&Expression::of_all(domain, action)) {
            return Objects::All;
        }
        let named = self.0.iter().filter_map(|granted| match granted {
            Expression::On { outer, .. } => match outer.object {
                Part::Only(id) if granted.covers(&Expression::of(domain, id, action)) => Some(id),
                _ => None,
            },
            Expression::Everything => None,
        });
        let mut ids: Vec<_> = named.collect();
        ids.sort_unstable();
        ids.dedup();
        Objects::Only(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(texts: &[&str]) -> Grants {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn nothing_is_permitted_by_nothing() {
        let none = Grants::default();
        assert!(!none.permit(&Expression::of(Domain::Cluster, 5, Action::Read)));
        assert!(none.objects(Domain::Cluster, Action::Read).is_empty());
    }

    #[test]
    fn objects_are_those_that_grants_name() {
        let read = |texts: &[&str]| grants(texts).objects(Domain::Cluster, Action::Read);
        assert_eq!(read(&["**"]), Objects::All);
        assert_eq!(read(&["CLUSTER:5:READ", "CLUSTER:*:*"]), Objects::All);
        let some = [
            "CLUSTER:7:READ",
            "CLUSTER:5:*",
            "CLUSTER:5:READ",
            "CLUSTER:6:UPDATE",
            "TASK:8:READ",
            "CLUSTER:9:TENANT:1:READ",
            "CLUSTER:*:TENANT:*:READ",
            "*:10:READ",
        ];
        assert_eq!(read(&some), Objects::Only(vec![5, 7, 10]));
        assert_eq!(read(&["CLUSTER:*:UPDATE"]), Objects::Only(vec![]));
    }
}
