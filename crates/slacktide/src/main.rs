//! slacktide: stops OceanBase clusters, and starts them again, safely.
//!
//! This crate is the composition: command line, configuration, roles. It is the only place that knows every
//! other crate.

mod backup;
mod cli;
mod client;
mod cluster_file;
mod config;
mod data_dir;
mod database;
mod restore;
mod serve;
mod syntax;
mod trust;
mod user;

use std::{io::Write, process::ExitCode};

use cli::Cli;

fn main() -> ExitCode {
    let ended = Cli::from_arguments().run();
    ended.unwrap_or_else(|error| {
        // The chain of causes, each of which says one thing, in one line.
        let _ = writeln!(std::io::stderr(), "slacktide: {error:#}");
        ExitCode::FAILURE
    })
}
