//! Sessions to a server over the MySQL protocol, and what is asked and told in them.
//!
//! Every wait is bounded: a halted server accepts connections and then says nothing for ever. What an engine
//! offers is found by asking, not by its version.

mod accessible;
mod change;
mod error;
mod freeze;
mod greeting;
mod kind;
mod report;
mod session;
mod topology;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use accessible::wait_accessible;
pub(crate) use change::{Change, LATE_STOP, Part, restore, start, stop};
pub(crate) use error::{Class, SqlError, is_refusal};
pub(crate) use freeze::minor_freezes;
pub(crate) use greeting::greeting;
pub(crate) use kind::EngineKind;
pub(crate) use report::report;
pub(crate) use session::{
    Cells, Limits, MOST_SESSIONS, Session, address, connect, connect_any, has_port,
};
