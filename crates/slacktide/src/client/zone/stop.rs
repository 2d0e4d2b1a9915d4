//! `zone stop`.

use std::process::ExitCode;

use slacktide_api::v1::{StopZoneRequest, ZoneStatus};

use super::{
    super::{
        Connection, Failure, Output,
        operation::{FanOut, Freezing, Operation, Stopping},
    },
    ZoneArg,
};

/// Isolate a zone where the engine can, then stop its servers
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    on: ZoneArg,
    #[command(flatten)]
    stopping: Stopping,
    #[command(flatten)]
    freezing: Freezing,
    #[command(flatten)]
    fan_out: FanOut,
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
        let cluster_id = self.on.of.cluster.id(connection).await?;
        let request = StopZoneRequest {
            cluster_id,
            zone_name: self.on.zone.clone(),
            request_id: operation.key.request_id.clone(),
            validate_only: operation.validate_only,
            mode: self.stopping.mode().into(),
            minor_freeze: self.freezing.minor_freeze(),
            view: operation.view(output.format).into(),
            max_parallel: self.fan_out.max_parallel(),
        };
        let answer = connection.clusters().stop_zone(request).await;
        let task = answer.map_err(Failure::from)?.into_inner().task;
        let goal = self.on.goal(ZoneStatus::Stopped);
        operation
            .conclude(connection, output, &task.unwrap_or_default(), &[], goal)
            .await
    }
}
