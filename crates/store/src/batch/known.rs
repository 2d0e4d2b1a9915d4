//! Tasks as this writer's last commits on them left them, so that the next commit need not read them again.
//!
//! A hint, as everything that is kept in memory: the transaction begins with an UPDATE of the tasks' rows that is
//! guarded by the version that is known, whoever changes anything of a task raises that version, and where one is
//! another one by now, all is read.

use std::collections::{BTreeMap, BTreeSet};

use slacktide_engine::{id::TaskId, plan::Accepted, status::TaskStatus};

use super::working::Working;

/// How many subtasks are kept at most: a task of the largest clusters, or thousands of small ones.
const SUBTASKS: usize = 50_000;

#[derive(Debug, Default)]
pub(crate) struct Known {
    tasks: BTreeMap<TaskId, (u64, Working)>,
    /// The same, the one that was used longest ago first.
    by_use: BTreeMap<u64, TaskId>,
    uses: u64,
    subtasks: usize,
}

impl Known {
    /// Takes those of the tasks that are known. Until they are kept again, they are not.
    pub(super) fn take(&mut self, tasks: &BTreeSet<TaskId>) -> BTreeMap<TaskId, Working> {
        let known = tasks
            .iter()
            .filter_map(|task| Some((*task, self.remove(*task)?)));
        known.collect()
    }

    /// Keeps what was committed. A task that has ended is let go: what comes next for it, if anything, comes late.
    pub(crate) fn keep(&mut self, tasks: impl IntoIterator<Item = Working>) {
        for working in tasks {
            if working.frame.task.state.status == TaskStatus::Running {
                self.insert(working.settled());
            }
        }
    }

    pub(crate) fn keep_accepted(&mut self, accepted: Accepted) {
        self.insert(Working::accepted(accepted));
    }

    fn insert(&mut self, working: Working) {
        let task = working.frame.task.id;
        self.remove(task);
        self.uses += 1;
        self.subtasks += working.frame.subtasks.len();
        self.by_use.insert(self.uses, task);
        self.tasks.insert(task, (self.uses, working));
        while self.subtasks > SUBTASKS
            && let Some(oldest) = self.by_use.first_key_value().map(|(_, task)| *task)
        {
            self.remove(oldest);
        }
    }

    fn remove(&mut self, task: TaskId) -> Option<Working> {
        let (used, working) = self.tasks.remove(&task)?;
        self.by_use.remove(&used);
        self.subtasks -= working.frame.subtasks.len();
        Some(working)
    }
}
