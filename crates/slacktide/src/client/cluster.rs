//! `slacktide cluster …`.

mod get;
mod list;
mod register;
mod stop;
mod unregister;

use std::process::ExitCode;

use super::{ClientArgs, Connection, Output, id};

/// Register clusters and operate on them
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum ClusterCommand {
    /// Register the cluster that a file describes
    Register(register::File),
    /// Mend the driver settings and the account of a registered cluster, found by the name in the file
    Update(register::File),
    /// List the registered clusters
    List,
    /// Show a cluster with its zones and servers
    Get {
        /// Id of the cluster, as `cluster list` shows it
        #[arg(value_parser = id::parse, allow_negative_numbers = true)]
        id: i64,
    },
    /// Stop all servers of a cluster
    Stop(stop::Stop),
    /// Forget a cluster; its servers are left as they are
    Unregister(unregister::Unregister),
}

impl ClusterCommand {
    /// Carries the verb out against the server that `args` name.
    ///
    /// # Errors
    /// What could not be read, reached or done, in words for the one who typed the command.
    pub(crate) async fn run(self, args: &ClientArgs) -> anyhow::Result<ExitCode> {
        let connect = || Connection::open(&args.connect);
        let output = &mut Output::stdout(args.output);
        match self {
            // A file is judged before a server is asked for.
            Self::Register(file) => {
                let spec = file.read()?;
                register::register(&connect().await?, output, spec, file.request_id).await?;
            }
            Self::Update(file) => {
                let spec = file.read()?;
                register::update(&connect().await?, output, spec, file.request_id).await?;
            }
            Self::List => list::run(&connect().await?, output).await?,
            Self::Get { id } => get::run(&connect().await?, output, id).await?,
            Self::Stop(stop) => return stop.run(&connect().await?, output).await,
            Self::Unregister(verb) => verb.run(&connect().await?, output).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
