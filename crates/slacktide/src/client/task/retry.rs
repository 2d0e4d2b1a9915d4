//! `task retry`.

use std::process::ExitCode;

use slacktide_api::v1::{RetrySubtaskRequest, RetryTaskRequest};

use super::{
    super::{Connection, Failure, Output, watch::Goal},
    hand::{Hand, OneSubtask},
};

/// Run what failed again
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Retry {
    #[command(flatten)]
    hand: Hand,
    #[command(flatten)]
    one: OneSubtask,
}

impl Retry {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let hand = &self.hand;
        let request_id = hand.key.request_id.clone();
        let mut client = connection.tasks();
        let Some(subtask_id) = self.one.subtask_id else {
            let request = RetryTaskRequest {
                id: hand.task_id,
                request_id,
                view: hand.view(output.format).into(),
            };
            let answer = client.retry_task(request).await.map_err(Failure::from)?;
            let task = answer.into_inner().task.unwrap_or_default();
            return hand
                .conclude_task(connection, output, &task, Goal::AsAsked)
                .await;
        };
        let request = RetrySubtaskRequest {
            task_id: hand.task_id,
            subtask_id,
            request_id,
        };
        let answer = client.retry_subtask(request).await.map_err(Failure::from)?;
        let subtask = answer.into_inner().subtask.unwrap_or_default();
        hand.conclude_subtask(connection, output, &subtask, Goal::AsAsked)
            .await
    }
}
