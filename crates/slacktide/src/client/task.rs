//! `slacktide task …`.

mod get;
mod list;
mod log;

use std::process::ExitCode;

use super::{
    ClientArgs, Connection, Output, id,
    watch::{Goal, watch},
};

pub(super) use get::plan;

/// Look at tasks and follow them
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum TaskCommand {
    /// List tasks, the latest first
    List(list::List),
    /// Show a task with its subtasks
    Get {
        /// Id of the task, as `task list` shows it
        #[arg(value_parser = id::parse, allow_negative_numbers = true)]
        id: i64,
    },
    /// Watch a task to its end; exit 0 only if it ends SUCCESSFUL
    Watch {
        /// Id of the task, as `task list` shows it
        #[arg(value_parser = id::parse, allow_negative_numbers = true)]
        id: i64,
        /// Begin with the changes after this revision
        #[arg(
            long,
            value_name = "N",
            value_parser = clap::value_parser!(i64).range(0..),
            allow_negative_numbers = true
        )]
        after_revision: Option<i64>,
    },
    /// Show what a subtask has logged, or all subtasks one after the other
    Log {
        /// Id of the task, as `task list` shows it
        #[arg(value_parser = id::parse, allow_negative_numbers = true)]
        task_id: i64,
        /// Id of one of its subtasks, as `task get` shows it [default: all of them]
        #[arg(value_parser = id::parse, allow_negative_numbers = true)]
        subtask_id: Option<i64>,
    },
}

impl TaskCommand {
    /// Carries the verb out against the server that `args` name.
    ///
    /// # Errors
    /// What could not be reached or done, in words for the one who typed the command.
    pub(crate) async fn run(self, args: &ClientArgs) -> anyhow::Result<ExitCode> {
        let connection = Connection::open(&args.connect).await?;
        let output = &mut Output::stdout(args.output);
        match self {
            Self::List(list) => list.run(&connection, output).await?,
            Self::Get { id } => get::run(&connection, output, id).await?,
            Self::Watch { id, after_revision } => {
                return watch(&connection, output, id, after_revision, Goal::Done).await;
            }
            Self::Log {
                task_id,
                subtask_id: Some(subtask_id),
            } => log::one(&connection, output, task_id, subtask_id).await?,
            Self::Log {
                task_id,
                subtask_id: None,
            } => log::all(&connection, output, task_id).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
