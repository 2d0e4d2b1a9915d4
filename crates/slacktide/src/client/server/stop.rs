//! `server stop`.

use std::process::ExitCode;

use slacktide_api::v1::{ServerStatus, StopServerRequest};

use super::{
    super::{
        Connection, Failure, Output,
        operation::{Freezing, Operation, Stopping},
        watch::{Goal, Target},
    },
    ServerArg,
};

/// Isolate a server where the engine can, then stop its process
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    on: ServerArg,
    #[command(flatten)]
    stopping: Stopping,
    #[command(flatten)]
    freezing: Freezing,
    #[command(flatten)]
    operation: Operation,
}

impl Stop {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let operation = &self.operation;
        let (cluster_id, server_id) = self.on.find(connection).await?;
        let request = StopServerRequest {
            cluster_id,
            server_id,
            request_id: operation.key.request_id.clone(),
            validate_only: operation.validate_only,
            mode: self.stopping.mode().into(),
            minor_freeze: self.freezing.minor_freeze(),
            view: operation.view(output.format).into(),
        };
        let answer = connection.clusters().stop_server(request).await;
        let task = answer.map_err(Failure::from)?.into_inner().task;
        let goal = Goal::Reached(Target::Server(server_id, ServerStatus::Stopped));
        operation
            .conclude(connection, output, &task.unwrap_or_default(), &[], goal)
            .await
    }
}
