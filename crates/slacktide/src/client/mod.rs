//! The client half of the command line: verbs that talk to a server over gRPC.
//!
//! Data goes to stdout, notes go to stderr, and a reader that goes away (`| head`) is no error.

mod clock;
mod cluster;
mod connection;
mod failure;
mod id;
mod json;
mod output;
mod places;
mod task;
mod text;
mod watch;

pub(crate) use cluster::ClusterCommand;
pub(crate) use connection::{ConnectArgs, Connection};
pub(crate) use failure::Failure;
pub(crate) use output::Format;
pub(crate) use task::TaskCommand;

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
