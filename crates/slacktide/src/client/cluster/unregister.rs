//! `cluster unregister`.

use slacktide_api::v1::UnregisterClusterRequest;

use super::super::{Connection, Failure, Output, cluster_ref::ClusterArg, request_key::RequestKey};

/// Forget a cluster
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Unregister {
    #[command(flatten)]
    of: ClusterArg,
    #[command(flatten)]
    key: RequestKey,
}

impl Unregister {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let id = self.of.cluster.id(connection).await?;
        let request = UnregisterClusterRequest {
            id,
            request_id: self.key.request_id,
        };
        let answer = connection.clusters().unregister_cluster(request).await;
        let answer = answer.map_err(Failure::from)?.into_inner();
        output.message("UnregisterClusterResponse", &answer, |_| {
            format!("unregistered cluster {id}; its servers are as they were")
        })
    }
}
