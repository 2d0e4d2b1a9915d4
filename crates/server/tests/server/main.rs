//! The gRPC API as its callers see it: through all layers, on a store of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that cannot go on fails its test"
)]

mod commands;
mod diagnosis;
mod executors;
mod iam;
mod kit;
mod listener;
mod lists;
mod lockout;
mod logs;
mod news;
mod operations;
mod permissions;
mod registration;
mod scoped;
mod sign_in;
mod stop;
mod transport;
mod watch;
