//! The part of the tasks that somebody may see.

use sea_orm::{ColumnTrait, Condition};
use slacktide_engine::id::{ClusterId, TaskId};

use crate::entity::task;

/// Tasks by name, and all tasks of some clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisibleTasks {
    /// These tasks.
    pub tasks: Vec<TaskId>,
    /// All tasks of these clusters.
    pub clusters: Vec<ClusterId>,
}

impl VisibleTasks {
    pub(crate) fn condition(&self) -> Condition {
        let (tasks, clusters) = (
            self.tasks.iter().map(|id| id.0),
            self.clusters.iter().map(|id| id.0),
        );
        Condition::any()
            .add(task::Column::Id.is_in(tasks))
            .add(task::Column::ClusterId.is_in(clusters))
    }
}
