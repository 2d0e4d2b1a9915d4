//! Logs, traces and metrics, and the trace context that joins them across every hop: from the REST call
//! through gRPC and the task's row to the executor's run, and back into the answer's `traceId`.
//!
//! Everything here is safe to call before [`init`] and without it: spans are then disabled, metrics are
//! counted all the same, and nothing panics.

pub mod admin;
mod init;
pub mod metrics;
pub mod trace;

pub use init::{Guard, InitError, LogFormat, Options, init};
