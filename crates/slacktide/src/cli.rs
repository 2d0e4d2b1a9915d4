//! The command line.

use std::{io::Write, process::ExitCode};

use anyhow::Context;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    backup::Backup,
    client::{
        ClientArgs, ClusterCommand, ExecutorCommand, IamCommand, ServerCommand, TaskCommand,
        ZoneCommand,
    },
    config::{self, Flags, Sources},
    data_dir::DataDir,
    database::Database,
    restore::Restore,
    serve, user,
};

/// Where the settings are that have no flag.
const SETTINGS: &str = "All settings, with their values: `slacktide config`. Each has a SLACKTIDE_... variable \
    (grpc.listen is SLACKTIDE_GRPC__LISTEN) and a place in the file of --config; flags come first, then \
    variables, then the file.";

/// Stops OceanBase clusters, and starts them again, safely
#[derive(Debug, Parser)]
#[command(name = "slacktide", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve: gRPC, REST and the executor in one process, or some of them in each of several
    #[command(after_help = SETTINGS)]
    Serve(Flags),
    /// Make the database, or bring it up to date
    Migrate(Sources),
    /// Copy the database of the data directory into a new file, also while the server runs
    Backup(BackupArgs),
    /// Make the database of a data directory from a backup
    Restore(RestoreArgs),
    /// Print the effective configuration, secrets masked
    Config(Flags),
    /// Manage users, in the database itself
    User(UserArgs),
    /// Register clusters and operate on them
    Cluster {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// Operate on one zone of a cluster
    Zone {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: ZoneCommand,
    },
    /// Operate on one server of a cluster
    Server {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: ServerCommand,
    },
    /// Show tasks, live, and take a hand in them
    Task {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: TaskCommand,
    },
    /// Manage users and roles on a server
    Iam {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: IamCommand,
    },
    /// Show the executors and what they run
    Executor {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: ExecutorCommand,
    },
}

#[derive(Debug, Args)]
struct BackupArgs {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    backup: Backup,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    restore: Restore,
}

#[derive(Debug, Args)]
struct UserArgs {
    #[command(flatten)]
    sources: Sources,
    #[command(subcommand)]
    command: user::UserCommand,
}

impl Cli {
    /// Reads the arguments of the process; ends it where they are not usable, or ask for help.
    pub(crate) fn from_arguments() -> Self {
        let matches = command().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Carries out what was asked for.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
        let ended = runtime.block_on(async {
            match self.command {
                Command::Serve(flags) => serve::run(config::load(&flags)?).await,
                Command::Migrate(sources) => migrate(sources).await,
                Command::Backup(BackupArgs { sources, backup }) => {
                    backup.run(&config::load(&sources.into())?).await
                }
                Command::Restore(RestoreArgs { sources, restore }) => {
                    restore.run(&config::load(&sources.into())?).await
                }
                Command::Config(flags) => print_config(&flags),
                Command::User(UserArgs { sources, command }) => {
                    command.run(&config::load(&sources.into())?).await
                }
                Command::Cluster { client, command } => command.run(&client).await,
                Command::Zone { client, command } => command.run(&client).await,
                Command::Server { client, command } => command.run(&client).await,
                Command::Task { client, command } => command.run(&client).await,
                Command::Iam { client, command } => command.run(&client).await,
                Command::Executor { client, command } => command.run(&client).await,
            }
        });
        // A verb that returns has waited for all that matters; a thread that still blocks must not hold the
        // process.
        runtime.shutdown_background();
        ended
    }
}

/// The command line with usage lines of its own: those that clap makes for an error name each option that has
/// a value, be it from the environment, as if it were required.
fn command() -> clap::Command {
    let mut built = Cli::command();
    built.build();
    with_usage(Cli::command(), &mut built)
}

/// `built` is the same command, built: only then does it know its whole name and the options of its parents.
fn with_usage(command: clap::Command, built: &mut clap::Command) -> clap::Command {
    let usage = built.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    command.override_usage(usage).mut_subcommands(|verb| {
        match built.find_subcommand_mut(verb.get_name()) {
            Some(built) => with_usage(verb, built),
            None => verb,
        }
    })
}

async fn migrate(sources: Sources) -> anyhow::Result<ExitCode> {
    let settings = config::load(&sources.into())?;
    let database = Database::of(&settings)?;
    if let Some(directory) = database.directory() {
        DataDir::prepare(&directory)?;
    }
    database.migrate().await?;
    writeln!(std::io::stdout(), "{} is up to date", database.location())?;
    Ok(ExitCode::SUCCESS)
}

fn print_config(flags: &Flags) -> anyhow::Result<ExitCode> {
    let shown = config::show(&config::load(flags)?)?;
    write!(std::io::stdout(), "{shown}")?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
