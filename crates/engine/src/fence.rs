//! The numbers that keep an executor that was left behind from acting.

use serde::{Deserialize, Serialize};

/// Orders the runs that may touch one server, over tasks and takeovers. Compared generation first.
///
/// A host keeps the highest fence that it has seen and sends no signal for a lower one. Clocks play no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// Number of the operation on the cluster: rises with every accepted task.
    pub generation: i64,
    /// Number of the run within the task: the revision of the change that claimed it.
    pub epoch: i64,
}
