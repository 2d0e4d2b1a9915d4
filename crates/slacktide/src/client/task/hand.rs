//! What the verbs by which an operator takes a hand in a task have in common.

use std::process::ExitCode;

use slacktide_api::v1::{Subtask, Task, TaskView};

use super::super::{
    Connection, Format, Output, id,
    request_key::RequestKey,
    text,
    watch::{Goal, watch},
};

/// Options of every verb that takes a hand in a task.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Hand {
    /// Id of the task, as `task list` shows it
    #[arg(value_name = "TASK", value_parser = id::parse, allow_negative_numbers = true)]
    pub(super) task_id: i64,
    /// Watch the task to its end; exit 0 only if it then stands as was asked for
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    pub(super) key: RequestKey,
}

/// One subtask in place of the whole task.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct OneSubtask {
    /// Id of one of its subtasks, as `task get` shows it [default: the whole task]
    #[arg(value_name = "SUBTASK", value_parser = id::parse, allow_negative_numbers = true)]
    pub(super) subtask_id: Option<i64>,
}

impl Hand {
    /// How much of the task the answer has to hold.
    pub(super) fn view(&self, format: Format) -> TaskView {
        if format == Format::Json && !self.watch {
            TaskView::Full
        } else {
            TaskView::Basic
        }
    }

    /// Prints the task that the server answered with, or watches it until it ends.
    pub(super) async fn conclude_task(
        &self,
        connection: &Connection,
        output: &mut Output,
        task: &Task,
        goal: Goal,
    ) -> anyhow::Result<ExitCode> {
        if self.watch {
            return watch(connection, output, self.task_id, None, goal).await;
        }
        output.message("Task", task, |task| {
            let standing = text::standing(task.status(), task.operation());
            format!(
                "task {id} is {standing}; follow it with `slacktide task watch {id}`",
                id = task.id
            )
        })?;
        Ok(ExitCode::SUCCESS)
    }

    /// The same for a verb that works on one subtask.
    pub(super) async fn conclude_subtask(
        &self,
        connection: &Connection,
        output: &mut Output,
        subtask: &Subtask,
        goal: Goal,
    ) -> anyhow::Result<ExitCode> {
        if self.watch {
            return watch(connection, output, self.task_id, None, goal).await;
        }
        output.message("Subtask", subtask, |subtask| {
            let standing = text::standing(subtask.status(), subtask.operation());
            format!(
                "subtask {} ({}) is {standing}; follow its task with `slacktide task watch {}`",
                subtask.id, subtask.name, self.task_id
            )
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
