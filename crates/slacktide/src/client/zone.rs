//! `slacktide zone …`.

mod restart;
mod start;
mod stop;

use std::process::ExitCode;

use slacktide_api::v1::ZoneStatus;

use super::{
    ClientArgs, Connection, Output,
    cluster_ref::ClusterArg,
    watch::{Goal, Target},
};

/// Operate on one zone of a cluster
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum ZoneCommand {
    /// Isolate a zone where the engine can, then stop its servers
    Stop(stop::Stop),
    /// Start the servers of a zone, then end its isolation
    Start(start::Start),
    /// Stop and start the servers of a zone
    Restart(restart::Restart),
}

/// The zone that a verb works on.
#[derive(Clone, Debug, clap::Args)]
struct ZoneArg {
    #[command(flatten)]
    of: ClusterArg,
    /// Name of the zone, as `cluster get` shows it
    #[arg(value_name = "ZONE")]
    zone: String,
}

impl ZoneArg {
    fn goal(&self, status: ZoneStatus) -> Goal {
        Goal::Reached(Target::Zone(self.zone.clone(), status))
    }
}

impl ZoneCommand {
    /// Carries the verb out against the server that `args` name.
    ///
    /// # Errors
    /// What could not be reached or done, in words for the one who typed the command.
    pub(crate) async fn run(self, args: &ClientArgs) -> anyhow::Result<ExitCode> {
        let connection = Connection::open(&args.connect).await?;
        let output = &mut Output::stdout(args.output);
        match self {
            Self::Stop(verb) => verb.run(&connection, output).await,
            Self::Start(verb) => verb.run(&connection, output).await,
            Self::Restart(verb) => verb.run(&connection, output).await,
        }
    }
}
