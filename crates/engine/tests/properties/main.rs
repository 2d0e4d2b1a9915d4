//! The engine's promises, tested over generated clusters, interleavings and histories.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which the allowance for test functions does not reach"
)]

mod cluster;
mod commit;
mod decided;
mod graph;
mod interleaving;
mod stored;
mod table;
mod topology;
mod watcher;
mod world;
