//! The REST gateway: OCP's `/api/v2` paths onto the gRPC API, and nothing else.
//!
//! It decides nothing. Credentials and trace context travel as metadata, `Idempotency-Key` becomes the
//! request id, and every rule about clusters and tasks is the server's. What it owns is the form: paths,
//! parameters, the envelope, the error shape and the field rules of `docs/contract.md`.

mod context;
mod envelope;
mod error;
mod handlers;
mod language;
mod long;
mod model;
mod openapi;
mod request;
mod router;
mod routes;
mod sign_in;
mod time;
mod upstream;

pub use router::{Options, router};
pub use upstream::Upstream;
