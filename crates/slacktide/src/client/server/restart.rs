//! `server restart`.

use std::process::ExitCode;

use slacktide_api::v1::{RestartServerRequest, ServerStatus};

use super::{
    super::{
        Connection, Failure, Output,
        operation::{Operation, Stopping},
        watch::{Goal, Target},
    },
    ServerArg,
};

/// Stop and start the process of a server
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    on: ServerArg,
    #[command(flatten)]
    stopping: Stopping,
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
        let (cluster_id, server_id) = self.on.find(connection).await?;
        let request = RestartServerRequest {
            cluster_id,
            server_id,
            request_id: operation.key.request_id.clone(),
            validate_only: operation.validate_only,
            mode: self.stopping.mode().into(),
            view: operation.view(output.format).into(),
        };
        let answer = connection.clusters().restart_server(request).await;
        let task = answer.map_err(Failure::from)?.into_inner().task;
        let goal = Goal::Reached(Target::Server(server_id, ServerStatus::Running));
        operation
            .conclude(connection, output, &task.unwrap_or_default(), &[], goal)
            .await
    }
}
