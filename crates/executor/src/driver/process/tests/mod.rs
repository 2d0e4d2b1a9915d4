//! The driver against plain processes that behave like a server to lock, ports and signals.

mod dying;
mod fake;
mod looking;
mod marks;
mod output;
mod real_engine;
mod starting;
mod stopping;
mod undoing;
