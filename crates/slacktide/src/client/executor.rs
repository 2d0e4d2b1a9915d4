//! `slacktide executor …`.

mod list;

use std::process::ExitCode;

use super::{ClientArgs, Connection, Output};

/// Look at the executors
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum ExecutorCommand {
    /// List the executors that hold a lease, and what they run
    List,
}

impl ExecutorCommand {
    /// Carries the verb out against the server that `args` name.
    ///
    /// # Errors
    /// What could not be reached or done, in words for the one who typed the command.
    pub(crate) async fn run(self, args: &ClientArgs) -> anyhow::Result<ExitCode> {
        let connection = Connection::open(&args.connect).await?;
        let output = &mut Output::stdout(args.output);
        match self {
            Self::List => list::run(&connection, output).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
