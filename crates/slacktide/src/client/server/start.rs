//! `server start`.

use std::process::ExitCode;

use slacktide_api::v1::{ServerStatus, StartServerRequest};

use super::{
    super::{
        Connection, Failure, Output,
        operation::Operation,
        watch::{Goal, Target},
    },
    ServerArg,
};

/// Start the process of a server, then end its isolation
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Start {
    #[command(flatten)]
    on: ServerArg,
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
        let (cluster_id, server_id) = self.on.find(connection).await?;
        let request = StartServerRequest {
            cluster_id,
            server_id,
            request_id: operation.key.request_id.clone(),
            validate_only: operation.validate_only,
            view: operation.view(output.format).into(),
        };
        let answer = connection.clusters().start_server(request).await;
        let task = answer.map_err(Failure::from)?.into_inner().task;
        let goal = Goal::Reached(Target::Server(server_id, ServerStatus::Running));
        operation
            .conclude(connection, output, &task.unwrap_or_default(), &[], goal)
            .await
    }
}
