//! The servers come up, end, come back with their data, and never outlive their test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lifecycle;
mod proxy;
