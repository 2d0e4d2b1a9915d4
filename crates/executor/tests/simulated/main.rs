//! Executors against a store, on simulated hosts: what operations leave behind, and what operators' commands,
//! lost executors and limits make of them.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it relies on"
)]

mod commands;
mod executors;
mod kit;
mod leases;
mod limits;
mod observing;
mod operations;
mod recovery;
mod sql;
mod stop;
mod stranded;
mod taking_over;
