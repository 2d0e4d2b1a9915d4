//! `task cancel`.

use std::process::ExitCode;

use slacktide_api::v1::{CancelSubtaskRequest, CancelTaskRequest};

use super::{
    super::{Connection, Failure, Output, watch::Goal},
    hand::{Hand, OneSubtask},
};

/// Ask what runs to end
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    hand: Hand,
    #[command(flatten)]
    one: OneSubtask,
}

impl Cancel {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let hand = &self.hand;
        let request_id = hand.key.request_id.clone();
        let mut client = connection.tasks();
        let Some(subtask_id) = self.one.subtask_id else {
            let request = CancelTaskRequest {
                id: hand.task_id,
                request_id,
                view: hand.view(output.format).into(),
            };
            let answer = client.cancel_task(request).await.map_err(Failure::from)?;
            let task = answer.into_inner().task.unwrap_or_default();
            return hand
                .conclude_task(connection, output, &task, Goal::Canceled)
                .await;
        };
        let request = CancelSubtaskRequest {
            task_id: hand.task_id,
            subtask_id,
            request_id,
        };
        let answer = client.cancel_subtask(request).await;
        let subtask = answer.map_err(Failure::from)?.into_inner().subtask;
        hand.conclude_subtask(
            connection,
            output,
            &subtask.unwrap_or_default(),
            Goal::Canceled,
        )
        .await
    }
}
