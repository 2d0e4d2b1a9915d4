//! The gRPC API: who may call what, what a call does, and how its outcome is told.
//!
//! ```text
//!   request -> observe -> auth -> grpc (admit, decode) -> app (use case) -> store
//! ```
//!
//! `grpc` knows protobuf and no rules; `app` knows the rules' order and no protobuf; the rules themselves are
//! the engine's. `tonic::Status` is built in `grpc/status.rs` alone.

mod app;
mod auth;
pub mod bootstrap;
mod grpc;
pub mod iam;
pub mod password;
pub mod roles;
mod server;
pub mod users;

pub use server::{GrpcService, HostCheck, Http2, Options, Preflight, ServeError, Server};
