//! What slacktide remembers: entities, migrations, the one write gateway, change signals.
//!
//! Every write goes through [`write`]: few writers, grouped commits, bounded retries. The first statement of a
//! transaction on a task is the guarded UPDATE of its row; a guard that touches no row is classified by
//! reading in a new transaction. Signals are sent after the commit and are hints: a lost one costs latency.

mod assignments;
mod backup;
mod batch;
mod checkpoint;
pub mod clock;
mod cluster_reads;
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
mod location;
mod logs;
mod mend;
mod migration;
mod observe;
mod reads;
mod retention;
mod revisions;
mod roles;
mod roster;
mod runs;
mod session;
mod signal;
mod statement;
mod stranded;
mod task_rows;
mod tasks;
mod user_changes;
mod users;
mod visible;
mod write;

pub use assignments::Assignment;
pub use backup::{BackupError, backup, restore};
pub use clusters::{ClusterFilter, NewCluster, NewServer, NewZone};
pub use commit::{Committed, Journal, Traces};
pub use connect::Store;
pub use error::{Duplicate, StoreError};
pub use executors::{Executor, NewExecutor};
pub use idempotency::{Key, Remembered};
pub use list::{Listed, Order, Page};
pub use location::{BadLocation, Location, SharedUrl};
pub use logs::{LogLine, LogRun, LogTail};
pub use mend::ServerSettings;
pub use retention::Pruned;
pub use roles::{NewRole, Role, RoleId};
pub use roster::{ExecutorRun, ExecutorStatus};
pub use runs::{Candidates, QueueDepth, RunKey};
pub use signal::{LinkError, Signals, TaskNews, Work};
pub use stranded::{Place, Stranded};
pub use tasks::{Submission, TaskFilter, TaskSnapshot};
pub use user_changes::UserChange;
pub use users::{NewUser, User};
pub use visible::VisibleTasks;
