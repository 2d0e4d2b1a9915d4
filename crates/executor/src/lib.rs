//! Consumes ready subtasks: claims them, runs their actions on hosts, commits what came of it.
//!
//! ```text
//!   executor   begins, works, and drains as a whole
//!   worker     claims and starts runs
//!   runs       what runs now, and how much more may
//!   run        one subtask: log, deadline, action; run_end commits it, which brings the next ones
//!   action     what a kind of subtask does and how that is undone, one file each
//!   driver     how a server's host is touched
//!   sql        what is asked of a server
//!   checks     what speaks against a stop
//!   lease      says that this executor lives, and notices which others do not
//!   recovery   finds what was lost, is late, or waits for nobody
//!   observing  looks at the servers of idle clusters
//! ```

mod action;
pub mod checks;
mod crash_point;
pub mod driver;
mod executor;
mod lease;
mod observing;
mod options;
mod recovery;
mod run;
mod run_end;
pub mod run_log;
mod runs;
mod sql;
#[cfg(test)]
mod testing;
mod worker;

pub use checks::preflight;
pub use driver::check_host;
pub use executor::{Executor, ExecutorError};
pub use options::Options;
