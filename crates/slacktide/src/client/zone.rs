//! `slacktide zone …`.

use std::process::ExitCode;

use slacktide_api::v1::{RestartZoneRequest, StartZoneRequest, StopZoneRequest, ZoneStatus};

use super::{
    ClientArgs, Connection, Output,
    cluster_ref::ClusterArg,
    operation::{FanOut, Freezing, Stopping, operation_verbs},
    watch::Target,
};

/// Operate on one zone of a cluster
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum ZoneCommand {
    /// Isolate a zone where the engine can, then stop its servers
    Stop(Stop),
    /// Start the servers of a zone, then end its isolation
    Start(Start),
    /// Stop and start the servers of a zone
    Restart(Restart),
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
    /// The cluster's id and the zone's name.
    async fn find(&self, connection: &Connection) -> anyhow::Result<(i64, String)> {
        Ok((self.of.cluster.id(connection).await?, self.zone.clone()))
    }
}

operation_verbs! {
    on ZoneArg as (cluster_id, zone_name), towards |status| Target::Zone(zone_name.clone(), status);

    /// Isolate a zone where the engine can, then stop its servers
    Stop = stop_zone(StopZoneRequest), to reach ZoneStatus::Stopped,
        with mode: Stopping, minor_freeze: Freezing, max_parallel: FanOut;
    /// Start the servers of a zone, then end its isolation
    Start = start_zone(StartZoneRequest), to reach ZoneStatus::Running,
        with max_parallel: FanOut;
    /// Stop and start the servers of a zone
    Restart = restart_zone(RestartZoneRequest), to reach ZoneStatus::Running,
        with mode: Stopping, max_parallel: FanOut;
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
