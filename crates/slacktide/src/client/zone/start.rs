//! `zone start`.

use std::process::ExitCode;

use slacktide_api::v1::{StartZoneRequest, ZoneStatus};

use super::{
    super::{
        Connection, Failure, Output,
        operation::{FanOut, Operation},
    },
    ZoneArg,
};

/// Start the servers of a zone, then end its isolation
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Start {
    #[command(flatten)]
    on: ZoneArg,
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
        let cluster_id = self.on.of.cluster.id(connection).await?;
        let request = StartZoneRequest {
            cluster_id,
            zone_name: self.on.zone.clone(),
            request_id: operation.key.request_id.clone(),
            validate_only: operation.validate_only,
            view: operation.view(output.format).into(),
            max_parallel: self.fan_out.max_parallel(),
        };
        let answer = connection.clusters().start_zone(request).await;
        let task = answer.map_err(Failure::from)?.into_inner().task;
        let goal = self.on.goal(ZoneStatus::Running);
        operation
            .conclude(connection, output, &task.unwrap_or_default(), &[], goal)
            .await
    }
}
