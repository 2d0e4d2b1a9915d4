//! `cluster start`.

use std::process::ExitCode;

use slacktide_api::v1::{ClusterStatus, StartClusterRequest};

use super::super::{
    Connection, Failure, Output,
    cluster_ref::ClusterArg,
    operation::{FanOut, Operation},
    watch::{Goal, Target},
};

/// Start all servers of a cluster
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Start {
    #[command(flatten)]
    of: ClusterArg,
    #[command(flatten)]
    fan_out: FanOut,
    #[command(flatten)]
    operation: Operation,
}

impl Start {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let operation = &self.operation;
        let request = StartClusterRequest {
            id: self.of.cluster.id(connection).await?,
            request_id: operation.key.request_id.clone(),
            validate_only: operation.validate_only,
            view: operation.view(output.format).into(),
            max_parallel: self.fan_out.max_parallel(),
        };
        let answer = connection.clusters().start_cluster(request).await;
        let task = answer.map_err(Failure::from)?.into_inner().task;
        let goal = Goal::Reached(Target::Cluster(ClusterStatus::Running));
        operation
            .conclude(connection, output, &task.unwrap_or_default(), &[], goal)
            .await
    }
}
