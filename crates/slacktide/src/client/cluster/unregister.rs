//! `cluster unregister`.

use slacktide_api::v1::UnregisterClusterRequest;

use super::super::{Connection, Failure, Output, id};

/// Forget a cluster
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Unregister {
    /// Id of the cluster, as `cluster list` shows it
    #[arg(value_parser = id::parse, allow_negative_numbers = true)]
    id: i64,
    /// Idempotency key: the same request under the same key is carried out once
    #[arg(
        long,
        value_name = "KEY",
        default_value = "",
        hide_default_value = true
    )]
    request_id: String,
}

impl Unregister {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<()> {
        let request = UnregisterClusterRequest {
            id: self.id,
            request_id: self.request_id,
        };
        let mut client = connection.clusters();
        let answer = client
            .unregister_cluster(request)
            .await
            .map_err(Failure::from)?;
        output.message("UnregisterClusterResponse", &answer.into_inner(), |_| {
            format!(
                "unregistered cluster {}; its servers are as they were",
                self.id
            )
        })
    }
}
