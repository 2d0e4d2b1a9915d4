//! `task skip`.

use std::process::ExitCode;

use slacktide_api::v1::SkipSubtaskRequest;

use super::{
    super::{Connection, Failure, Output, id, watch::Goal},
    hand::Hand,
};

/// Pass over a subtask that failed
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Skip {
    #[command(flatten)]
    hand: Hand,
    /// Id of one of its subtasks, as `task get` shows it
    #[arg(value_name = "SUBTASK", value_parser = id::parse, allow_negative_numbers = true)]
    subtask_id: i64,
}

impl Skip {
    pub(super) async fn run(
        self,
        connection: &Connection,
        output: &mut Output,
    ) -> anyhow::Result<ExitCode> {
        let hand = &self.hand;
        let request = SkipSubtaskRequest {
            task_id: hand.task_id,
            subtask_id: self.subtask_id,
            request_id: hand.key.request_id.clone(),
        };
        let answer = connection.tasks().skip_subtask(request).await;
        let subtask = answer.map_err(Failure::from)?.into_inner().subtask;
        hand.conclude_subtask(
            connection,
            output,
            &subtask.unwrap_or_default(),
            Goal::AsAsked,
        )
        .await
    }
}
