//! The domain and its rules: statuses, graph templates, the transition table, how a commit is computed.
//!
//! Pure: no I/O, no clock, no async; time is an argument. The store loads rows, calls [`commit::advance`]
//! and writes what it returns; the executor acts on what was claimed. So every interleaving can be tested
//! in microseconds.
//!
//! ```text
//!   topology --plan--> graph --submit--> task + subtasks + revisions 1, 2
//!   rows + event --advance--> changed rows + revisions + statuses of cluster, zones, servers
//! ```

pub mod allow;
pub mod cluster;
pub mod commit;
pub mod fence;
pub mod finding;
pub mod graph;
pub mod id;
pub mod kind;
pub mod neighbours;
pub mod observe;
pub mod plan;
pub mod revision;
pub mod selector;
pub mod status;
pub mod subtask;
pub mod task;
pub mod time;
pub mod transition;
