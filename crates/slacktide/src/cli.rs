//! The command line.

use std::{io::Write, process::ExitCode};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::{
    client::{ClientArgs, ClusterCommand, TaskCommand},
    config::{self, Sources},
    data_dir::DataDir,
    serve, user,
};

/// Stops OceanBase clusters, and starts them again, safely
#[derive(Debug, Parser)]
#[command(name = "slacktide", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve: gRPC, REST and the executor in one process
    Serve(Sources),
    /// Bring the database of the data directory up to date
    Migrate(Sources),
    /// Print the effective configuration, secrets masked
    Config(Sources),
    /// Manage users, in the database of the data directory
    User(UserArgs),
    /// Register clusters and operate on them
    Cluster {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// Show tasks, live
    Task {
        #[command(flatten)]
        client: ClientArgs,
        #[command(subcommand)]
        command: TaskCommand,
    },
}

#[derive(Debug, Args)]
struct UserArgs {
    #[command(flatten)]
    sources: Sources,
    #[command(subcommand)]
    command: user::UserCommand,
}

impl Cli {
    /// Carries out what was asked for.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
        runtime.block_on(async {
            match self.command {
                Command::Serve(sources) => serve::run(config::load(&sources)?).await,
                Command::Migrate(sources) => migrate(&sources).await,
                Command::Config(sources) => print_config(&sources),
                Command::User(UserArgs { sources, command }) => {
                    command.run(&config::load(&sources)?).await
                }
                Command::Cluster { client, command } => command.run(&client).await,
                Command::Task { client, command } => command.run(&client).await,
            }
        })
    }
}

async fn migrate(sources: &Sources) -> anyhow::Result<ExitCode> {
    let data_dir = DataDir::prepare(&config::load(sources)?.data_dir)?;
    data_dir.open_store().await?.close().await;
    writeln!(
        std::io::stdout(),
        "{} is up to date",
        data_dir.database().display()
    )?;
    Ok(ExitCode::SUCCESS)
}

fn print_config(sources: &Sources) -> anyhow::Result<ExitCode> {
    let shown = config::show(&config::load(sources)?)?;
    write!(std::io::stdout(), "{shown}")?;
    Ok(ExitCode::SUCCESS)
}
