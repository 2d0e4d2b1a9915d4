//! `slacktide server …`.

mod server_ref;

use std::process::ExitCode;

use slacktide_api::v1::{
    RestartServerRequest, ServerStatus, StartServerRequest, StopServerRequest,
};

use super::{
    ClientArgs, Connection, Output,
    cluster_ref::ClusterArg,
    operation::{Freezing, Stopping, operation_verbs},
    watch::Target,
};
use server_ref::ServerRef;

/// Operate on one server of a cluster
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum ServerCommand {
    /// Isolate a server where the engine can, then stop its process
    Stop(Stop),
    /// Start the process of a server, then end its isolation
    Start(Start),
    /// Stop and start the process of a server
    Restart(Restart),
}

/// The server that a verb works on.
#[derive(Clone, Debug, clap::Args)]
struct ServerArg {
    #[command(flatten)]
    of: ClusterArg,
    /// Address of the server's MySQL port, as `cluster get` shows it, or the server's id
    #[arg(value_name = "SERVER", value_parser = ServerRef::parse, allow_negative_numbers = true)]
    server: ServerRef,
}

impl ServerArg {
    /// The ids of the cluster and the server.
    async fn find(&self, connection: &Connection) -> anyhow::Result<(i64, i64)> {
        match self.server {
            ServerRef::Id(id) => Ok((self.of.cluster.id(connection).await?, id)),
            ServerRef::Address(address) => {
                let cluster = self.of.cluster.cluster(connection).await?;
                Ok((cluster.id, server_ref::at(&cluster, address)?))
            }
        }
    }
}

operation_verbs! {
    on ServerArg as (cluster_id, server_id), towards |status| Target::Server(server_id, status);

    /// Isolate a server where the engine can, then stop its process
    Stop = stop_server(StopServerRequest), to reach ServerStatus::Stopped,
        with mode: Stopping, minor_freeze: Freezing;
    /// Start the process of a server, then end its isolation
    Start = start_server(StartServerRequest), to reach ServerStatus::Running;
    /// Stop and start the process of a server
    Restart = restart_server(RestartServerRequest), to reach ServerStatus::Running,
        with mode: Stopping;
}

impl ServerCommand {
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
