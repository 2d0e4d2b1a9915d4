//! `slacktide cluster …`.

mod get;
pub(super) mod list;
mod register;
mod restart;
mod start;
mod stop;
mod unregister;

use std::process::ExitCode;

use super::{ClientArgs, Connection, Output, cluster_ref::ClusterArg};

/// Register clusters and operate on them
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum ClusterCommand {
    /// Register the cluster that a file describes
    Register(register::File),
    /// Mend the driver settings, selector and account of a registered cluster, found by the name in the file
    Update(register::File),
    /// List the registered clusters
    List,
    /// Show a cluster with its zones and servers
    Get(ClusterArg),
    /// Stop all servers of a cluster
    Stop(stop::Stop),
    /// Start all servers of a cluster, with the command lines that they had
    Start(start::Start),
    /// Stop and start all servers of a cluster: zone by zone where there are three or more
    Restart(restart::Restart),
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
                let key = file.key.request_id;
                register::register(&connect().await?, output, spec, key).await?;
            }
            Self::Update(file) => {
                let spec = file.read()?;
                let key = file.key.request_id;
                register::update(&connect().await?, output, spec, key).await?;
            }
            Self::List => list::run(&connect().await?, output).await?,
            Self::Get(of) => get::run(&connect().await?, output, &of.cluster).await?,
            Self::Stop(verb) => return verb.run(&connect().await?, output).await,
            Self::Start(verb) => return verb.run(&connect().await?, output).await,
            Self::Restart(verb) => return verb.run(&connect().await?, output).await,
            Self::Unregister(verb) => verb.run(&connect().await?, output).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
