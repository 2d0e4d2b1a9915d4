//! What a watch shows: plain lines, or a picture that is redrawn.

use std::io;

use slacktide_api::v1::{Task, TaskChange};

use super::model::Model;

/// Shows a task while it goes on. Its subtasks stand in the template's order.
pub(super) trait View {
    /// The task as it is first seen. With `after`, the changes after that revision follow, though the task
    /// may be past some of them.
    fn begin(&mut self, task: &Task, after: Option<i64>) -> io::Result<()>;
    /// A change, already folded into the model.
    fn changed(&mut self, model: &Model, change: &TaskChange) -> io::Result<()>;
    /// Some time went by.
    fn tick(&mut self, task: &Task) -> io::Result<()>;
    /// Something about the watch itself.
    fn note(&mut self, text: &str) -> io::Result<()>;
    /// The task as it ended.
    fn end(&mut self, task: &Task) -> io::Result<()>;
}
