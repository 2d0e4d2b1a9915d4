//! Consumes ready subtasks: claims them, runs their actions on hosts, commits what came of it.
//!
//! ```text
//!   worker   claims, starts runs, looks for lost ones, drains
//!   lease    says that this executor lives, and notices which others do not
//!   run      one subtask: log, deadline, action, commit; the commit brings the next ones
//!   action   what a kind of subtask does, one file each
//!   driver   how a server's host is touched
//! ```

mod action;
pub mod driver;
mod lease;
mod options;
mod recovery;
mod run;
pub mod run_log;
mod runs;
mod sql;
mod worker;

pub use driver::check_host;
pub use options::Options;
pub use worker::{Executor, ExecutorError};
