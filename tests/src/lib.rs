//! The kit for whole-process tests: real processes, driven from outside as a user would.
//!
//! A case starts [`Slacktide`], the binary that the workspace built, and, where the machine has it, a real
//! database [`Engine`]. It talks over gRPC ([`Api`]), REST ([`Rest`]) or the command line, and learns what
//! happens from `WatchTask` ([`TaskWatch`]) rather than by sleeping. Whatever a case starts ends with it.

mod api;
mod cluster_file;
mod collector;
mod directory;
mod engine;
mod limit;
mod ports;
mod process;
mod rest;
mod signals;
mod slacktide;
mod spec;
mod tiers;
mod watch;

pub use api::{Api, Credentials, error_info};
pub use cluster_file::ClusterFile;
pub use collector::{Collector, ExportedSpan};
pub use directory::directory;
pub use engine::Engine;
pub use limit::within;
pub use ports::free_port;
pub use process::{Exit, Process};
pub use rest::{Answer, KeptRest, Rest};
pub use signals::{SentSignal, signals_sent};
pub use slacktide::{Setup, Slacktide};
pub use spec::{cluster, process_server, simulated_cluster, simulated_driver, simulated_server};
pub use tiers::{buf, grpcurl, with_engine};
pub use watch::{TaskWatch, fold};
