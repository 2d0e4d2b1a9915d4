//! The client half of the command line: verbs that talk to a server over gRPC.
//!
//! Data goes to stdout, notes go to stderr, and a reader that goes away (`| head`) is no error.

mod clock;
mod cluster;
mod cluster_ref;
mod connection;
mod executor;
mod failure;
mod findings;
mod iam;
mod id;
mod json;
mod operation;
mod output;
mod patience;
mod places;
mod request_key;
#[cfg(test)]
mod scripted;
mod server;
mod task;
mod text;
mod watch;
mod zone;

pub(crate) use cluster::ClusterCommand;
pub(crate) use connection::{ConnectArgs, Connection};
pub(crate) use executor::ExecutorCommand;
pub(crate) use failure::Failure;
pub(crate) use iam::IamCommand;
pub(crate) use output::Format;
pub(crate) use server::ServerCommand;
pub(crate) use task::TaskCommand;
pub(crate) use zone::ZoneCommand;

use output::Output;

/// Options that every client verb takes, before or after the verb.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ClientArgs {
    #[command(flatten)]
    connect: ConnectArgs,
    /// How to print what the server answers
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        global = true,
        display_order = 100
    )]
    output: Format,
}
