//! The gRPC API as its callers see it: through all layers, on a store of its own.

mod kit;
mod listener;
mod lists;
mod logs;
mod registration;
mod sign_in;
mod stop;
mod watch;
