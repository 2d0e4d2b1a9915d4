//! What slacktide remembers: entities, migrations, the one write gateway, change signals.
//!
//! Every write goes through [`write`]: one writer, grouped commits, bounded retries. The first statement of a
//! transaction on a task is the guarded UPDATE of its row; a guard that touches no row is classified by
//! reading in a new transaction. Signals are sent after the commit and are hints: a lost one costs latency.

mod busy;
pub mod clock;
mod cluster_rows;
mod clusters;
mod columns;
mod commit;
mod connect;
mod entity;
mod error;
mod executors;
mod generation;
mod hot;
mod idempotency;
mod ids;
mod list;
mod logs;
mod mend;
mod migration;
mod revisions;
mod runs;
mod signal;
mod task_rows;
mod tasks;
mod users;
mod write;

pub use clusters::{ClusterFilter, NewCluster, NewServer, NewZone};
pub use commit::{Committed, Journal};
pub use connect::{Location, Store};
pub use error::{Duplicate, StoreError};
pub use executors::Executor;
pub use idempotency::{Key, Remembered};
pub use list::{Listed, Order, Page};
pub use logs::{LogLine, LogRun};
pub use mend::ServerSettings;
pub use runs::{Assignment, Candidates, QueueDepth};
pub use signal::Signals;
pub use tasks::{Submission, TaskFilter, TaskSnapshot};
pub use users::User;
