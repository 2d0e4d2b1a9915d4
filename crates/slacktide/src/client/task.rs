//! `slacktide task …`.

mod diagnosis;
mod follow_log;
mod get;
mod hand;
mod list;
mod log;
mod rollback;
mod skip;
mod task_or_subtask;
mod watch_all;

use std::process::ExitCode;

use super::{
    ClientArgs, Connection, Output,
    cluster_ref::ClusterRef,
    id,
    watch::{Goal, watch},
};

pub(super) use get::plan;

/// Look at tasks, follow them, and take a hand in them
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
    /// Watch a task to its end, and exit 0 only if it ends SUCCESSFUL; or all tasks as they change
    Watch(Watch),
    /// Show what a subtask has logged, or all subtasks one after the other
    Log {
        /// Id of the task, as `task list` shows it
        #[arg(value_name = "TASK", value_parser = id::parse, allow_negative_numbers = true)]
        task_id: i64,
        /// Id of one of its subtasks, as `task get` shows it [default: all of them]
        #[arg(value_name = "SUBTASK", value_parser = id::parse, allow_negative_numbers = true)]
        subtask_id: Option<i64>,
        /// Go on with each line as it is written, until the subtask has ended
        #[arg(long, requires = "subtask_id")]
        follow: bool,
    },
    /// Run what failed again: the whole task, or one of its subtasks
    Retry(task_or_subtask::Retry),
    /// Undo what a failed task has done: what it stopped is started again, and the other way round
    Rollback(rollback::Rollback),
    /// Pass over a subtask that failed; its server stays as it is
    Skip(skip::Skip),
    /// Start no more subtasks and ask those that run to end; or ask one of them
    Cancel(task_or_subtask::Cancel),
    /// Save what is known of a task as a zip archive: its subtasks and all their logs
    Diagnosis(diagnosis::Diagnosis),
}

/// What to watch.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Watch {
    /// Id of the task, as `task list` shows it
    #[arg(
        value_name = "TASK",
        value_parser = id::parse,
        allow_negative_numbers = true,
        required_unless_present_any = ["all", "cluster"]
    )]
    id: Option<i64>,
    /// Begin with the changes after this revision
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(i64).range(0..),
        allow_negative_numbers = true,
        conflicts_with_all = ["all", "cluster"]
    )]
    after_revision: Option<i64>,
    /// All tasks, a line for each change, until interrupted
    #[arg(long, conflicts_with_all = ["id", "cluster"])]
    all: bool,
    /// The tasks of this cluster, by its id or name, likewise
    #[arg(long, value_name = "CLUSTER", value_parser = ClusterRef::parse, conflicts_with = "id")]
    cluster: Option<ClusterRef>,
}

impl Watch {
    async fn run(self, connection: &Connection, output: &mut Output) -> anyhow::Result<ExitCode> {
        if let Some(id) = self.id {
            return watch(connection, output, id, self.after_revision, Goal::Done).await;
        }
        let cluster_id = match self.cluster {
            Some(cluster) => Some(cluster.id(connection).await?),
            None => None,
        };
        watch_all::watch_all(connection, output, cluster_id).await?;
        Ok(ExitCode::SUCCESS)
    }
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
            Self::Watch(verb) => return verb.run(&connection, output).await,
            Self::Log {
                task_id,
                subtask_id: Some(id),
                follow: true,
            } => follow_log::follow(&connection, output, task_id, id).await?,
            Self::Log {
                task_id,
                subtask_id: Some(id),
                ..
            } => log::one(&connection, output, task_id, id).await?,
            Self::Log {
                task_id,
                subtask_id: None,
                ..
            } => log::all(&connection, output, task_id).await?,
            Self::Retry(verb) => return verb.run(&connection, output).await,
            Self::Rollback(verb) => return verb.run(&connection, output).await,
            Self::Skip(verb) => return verb.run(&connection, output).await,
            Self::Cancel(verb) => return verb.run(&connection, output).await,
            Self::Diagnosis(verb) => verb.run(&connection, output).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
