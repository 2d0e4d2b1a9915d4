//! How a cluster is named on the command line: by its id or by its name.

use anyhow::anyhow;
use slacktide_api::v1::{Cluster, GetClusterRequest, ListClustersRequest};

use super::{Connection, Failure, cluster::list, id};

/// The cluster that a verb works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClusterRef {
    Id(i64),
    Name(String),
}

/// A positional argument that names a cluster.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ClusterArg {
    /// Id or name of the cluster, as `cluster list` shows it
    #[arg(value_name = "CLUSTER", value_parser = ClusterRef::parse, allow_negative_numbers = true)]
    pub(super) cluster: ClusterRef,
}

impl ClusterRef {
    /// What looks like a whole number is an id, even where a cluster has such a name.
    ///
    /// # Errors
    /// What an id looks like.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return id::parse(text).map(Self::Id);
        }
        Ok(Self::Name(text.to_owned()))
    }

    /// The cluster's id; asks the server where a name was given.
    pub(super) async fn id(&self, connection: &Connection) -> anyhow::Result<i64> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::Name(_) => Ok(self.cluster(connection).await?.id),
        }
    }

    /// The cluster as it is now.
    pub(super) async fn cluster(&self, connection: &Connection) -> anyhow::Result<Cluster> {
        match self {
            Self::Id(id) => {
                let request = GetClusterRequest { id: *id };
                let answer = connection.clusters().get_cluster(request).await;
                let answer = answer.map_err(Failure::from)?.into_inner();
                Ok(answer.cluster.unwrap_or_default())
            }
            Self::Name(name) => named(connection, name).await?.ok_or_else(|| {
                anyhow!(
                    "no cluster is named `{name}`: `slacktide cluster list` shows those that are"
                )
            }),
        }
    }
}

/// The cluster of exactly this name, if there is one.
pub(super) async fn named(connection: &Connection, name: &str) -> Result<Option<Cluster>, Failure> {
    let filter = ListClustersRequest {
        name: name.to_owned(),
        ..ListClustersRequest::default()
    };
    let listed = list::all(connection, filter).await?.clusters;
    Ok(listed.into_iter().find(|cluster| cluster.name == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_an_id_and_all_else_a_name() {
        assert_eq!(ClusterRef::parse("3"), Ok(ClusterRef::Id(3)));
        for name in ["ob_demo", "1.5", "3rd", "海"] {
            let parsed = ClusterRef::parse(name);
            assert_eq!(parsed, Ok(ClusterRef::Name(name.to_owned())));
        }
        for text in ["0", "-1", "9223372036854775808", ""] {
            let refused = ClusterRef::parse(text).unwrap_err();
            assert!(
                refused.starts_with("an id is a whole number"),
                "{text}: {refused}"
            );
        }
    }
}
