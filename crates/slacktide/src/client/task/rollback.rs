//! `task rollback`.

use std::process::ExitCode;

use slacktide_api::v1::RollbackTaskRequest;

use super::{
    super::{Connection, Failure, Output, watch::Goal},
    hand::Hand,
};

/// Undo what a failed task has done
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    hand: Hand,
}

impl Rollback {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let hand = &self.hand;
        let request = RollbackTaskRequest {
            id: hand.task_id,
            request_id: hand.key.request_id.clone(),
            view: hand.view(output.format).into(),
        };
        let answer = connection.tasks().rollback_task(request).await;
        let task = answer.map_err(Failure::from)?.into_inner().task;
        hand.conclude_task(
            connection,
            output,
            &task.unwrap_or_default(),
            Goal::RolledBack,
        )
        .await
    }
}
