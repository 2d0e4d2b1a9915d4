//! `slacktide iam …`.

mod role;
mod user;

use std::process::ExitCode;

use super::{ClientArgs, Connection, Output};

/// Manage users and roles on a server
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum IamCommand {
    /// Create users, change them, and give them roles
    #[command(subcommand)]
    User(user::UserCommand),
    /// Create roles of your own
    #[command(subcommand)]
    Role(role::RoleCommand),
}

impl IamCommand {
    /// Carries the verb out against the server that `args` name.
    ///
    /// # Errors
    /// What could not be read, reached or done, in words for the one who typed the command.
    pub(crate) async fn run(self, args: &ClientArgs) -> anyhow::Result<ExitCode> {
        let output = &mut Output::stdout(args.output);
        match self {
            Self::User(verb) => verb.run(&args.connect, output).await?,
            Self::Role(verb) => {
                let connection = Connection::open(&args.connect).await?;
                verb.run(&connection, output).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
