//! `cluster restart`.

use std::process::ExitCode;

use slacktide_api::v1::{ClusterStatus, RestartClusterRequest};

use super::super::{
    Connection, Failure, Output,
    cluster_ref::ClusterArg,
    operation::{FanOut, Operation, Stopping},
    watch::{Goal, Target},
};

/// Stop and start all servers of a cluster
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    of: ClusterArg,
    #[command(flatten)]
    stopping: Stopping,
    #[command(flatten)]
    fan_out: FanOut,
    #[command(flatten)]
    operation: Operation,
}

impl Restart {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let operation = &self.operation;
        let request = RestartClusterRequest {
            id: self.of.cluster.id(connection).await?,
            request_id: operation.key.request_id.clone(),
            validate_only: operation.validate_only,
            mode: self.stopping.mode(),
            view: operation.view(output.format).into(),
            max_parallel: self.fan_out.max_parallel(),
        };
        let answer = connection.clusters().restart_cluster(request).await;
        let task = answer.map_err(Failure::from)?.into_inner().task;
        let goal = Goal::Reached(Target::Cluster(ClusterStatus::Running));
        operation
            .conclude(connection, output, &task.unwrap_or_default(), &[], goal)
            .await
    }
}
