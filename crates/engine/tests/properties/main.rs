//! The engine's promises, tested over generated clusters, operations, interleavings and histories.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which the allowance for test functions does not reach"
)]

mod allow;
mod commands;
mod commit;
mod decided;
mod documented;
mod generic;
mod graph;
mod host;
mod interleaving;
mod observe;
mod rows;
mod runs;
mod sequences;
mod statuses;
mod stored;
mod table;
mod topology;
mod turns;
mod watcher;
mod world;
