//! `task retry` and `task cancel`: the verbs that work on a task, or on one of its subtasks.

use std::process::ExitCode;

use slacktide_api::v1::{
    CancelSubtaskRequest, CancelTaskRequest, RetrySubtaskRequest, RetryTaskRequest,
};

use super::{
    super::{Connection, Failure, Output, watch::Goal},
    hand::{Hand, OneSubtask},
};

macro_rules! verbs {
    ($(
        $(#[$help:meta])*
        $verb:ident = $on_task:ident($task_request:ident) or $on_subtask:ident($subtask_request:ident),
            towards $goal:expr;
    )+) => {$(
        $(#[$help])*
        #[derive(Clone, Debug, clap::Args)]
        pub(crate) struct $verb {
            #[command(flatten)]
            hand: Hand,
            #[command(flatten)]
            one: OneSubtask,
        }

        impl $verb {
            pub(super) async fn run(
                self,
                connection: &Connection,
                output: &mut Output,
            ) -> anyhow::Result<ExitCode> {
                let hand = &self.hand;
                let request_id = hand.key.request_id.clone();
                let mut client = connection.tasks();
                let Some(subtask_id) = self.one.subtask_id else {
                    let request = $task_request {
                        id: hand.task_id,
                        request_id,
                        view: hand.view(output.format).into(),
                    };
                    let answer = client.$on_task(request).await.map_err(Failure::from)?;
                    let task = answer.into_inner().task.unwrap_or_default();
                    return hand.conclude_task(connection, output, &task, $goal).await;
                };
                let request = $subtask_request {
                    task_id: hand.task_id,
                    subtask_id,
                    request_id,
                };
                let answer = client.$on_subtask(request).await.map_err(Failure::from)?;
                let subtask = answer.into_inner().subtask.unwrap_or_default();
                hand.conclude_subtask(connection, output, &subtask, $goal).await
            }
        }
    )+};
}

verbs! {
    /// Run what failed again
    Retry = retry_task(RetryTaskRequest) or retry_subtask(RetrySubtaskRequest),
        towards Goal::AsAsked;
    /// Ask what runs to end
    Cancel = cancel_task(CancelTaskRequest) or cancel_subtask(CancelSubtaskRequest),
        towards Goal::Canceled;
}
