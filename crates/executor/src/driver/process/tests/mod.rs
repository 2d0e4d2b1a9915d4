//! The driver against plain processes that behave like a server to lock, ports and signals.

mod fake;
mod looking;
mod stopping;
