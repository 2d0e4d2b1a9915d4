//! Rows, one table a file, as sea-orm reads and (where writes are rare) writes them.
//!
//! Tables that are only written and read by hand-written statements have none: `sequence`, `task_revision`,
//! `subtask_log`, `idempotency_key`, `executor`.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "a field is the column of its name, see migration/"
)]

pub(crate) mod cluster;
pub(crate) mod custom_role;
pub(crate) mod server;
pub(crate) mod subtask;
pub(crate) mod task;
pub(crate) mod user_account;
pub(crate) mod zone;
