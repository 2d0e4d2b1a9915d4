//! Streams that tell what changes, as it changes. Signals are hints: a tick is the floor everywhere.

mod desk;
mod feed;
mod log;
mod task;
mod tasks;

use std::time::Duration;

pub(super) use desk::AllTasks;
pub(super) use feed::Feeds;
pub(super) use log::watch_log;
pub(super) use task::watch_task;
pub(super) use tasks::watch_tasks;

/// How long anyone waits for a signal before looking without one.
const TICK: Duration = Duration::from_secs(1);
