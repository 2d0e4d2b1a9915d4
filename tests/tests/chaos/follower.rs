//! Follows a task over all breaks of its watch, and checks what it sees.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use slacktide_api::v1::task_change::Change;
use slacktide_api::v1::{SubtaskStatus, Task, TaskChange};
use slacktide_tests::{Api, fold};
use tonic::Status;

/// A task with all that was seen of it.
#[derive(Debug)]
pub(crate) struct Follower {
    folded: Task,
    statuses: BTreeMap<i64, SubtaskStatus>,
    /// What should not have been seen; the first is told.
    faults: Vec<String>,
    begun: usize,
}

/// What is left of it when it has ended well.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) task: i64,
    pub(crate) resumed: usize,
}

impl Follower {
    pub(crate) fn new(accepted: Task) -> Self {
        let statuses = accepted.subtasks.iter().map(|one| (one.id, one.status()));
        Self {
            statuses: statuses.collect(),
            folded: accepted,
            faults: Vec::new(),
            begun: 0,
        }
    }

    pub(crate) fn task(&self) -> i64 {
        self.folded.id
    }

    /// Follows from where it got to, to the end of the stream.
    pub(crate) async fn follow(&mut self, api: &Api) -> Result<(), Status> {
        self.begun += 1;
        let mut watch = api
            .watch(self.folded.id, Some(self.folded.revision))
            .await?;
        while let Some(change) = watch.next().await? {
            self.see(&change);
        }
        Ok(())
    }

    fn see(&mut self, change: &TaskChange) {
        if let Some(Change::Subtask(state)) = &change.change {
            let before = self.statuses.insert(state.id, state.status());
            let before = before.unwrap_or(SubtaskStatus::Unspecified);
            if !is_legal(before, state.status()) {
                let fault = format!("subtask {}: {before:?} to {:?}", state.id, state.status());
                self.faults.push(fault);
            }
        }
        // Refuses what does not follow on the revision before: nothing is missed, nothing seen twice.
        if let Err(error) = fold(&mut self.folded, change) {
            self.faults.push(error.to_string());
        }
    }

    /// What was seen, put together, is what there is.
    pub(crate) fn end(self, task: &Task) -> Result<Followed> {
        ensure!(
            self.faults.is_empty(),
            "task {}: {:?}",
            task.id,
            self.faults
        );
        ensure!(
            self.folded.revision == task.revision,
            "task {}: not all was seen",
            task.id
        );
        for (seen, row) in self.folded.subtasks.iter().zip(&task.subtasks) {
            ensure!(
                seen.id == row.id && seen.status == row.status,
                "{seen:?} is {row:?}"
            );
            ensure!(seen.run_time == row.run_time, "{seen:?} is {row:?}");
        }
        Ok(Followed {
            task: task.id,
            resumed: self.begun.saturating_sub(1),
        })
    }
}

/// The transitions that a subtask may make (docs/contract.md), as a watcher sees them.
fn is_legal(from: SubtaskStatus, to: SubtaskStatus) -> bool {
    use SubtaskStatus::{Canceling, Failed, Pending, Ready, Running, Successful};
    matches!(
        (from, to),
        (Pending, Ready)
            | (Ready, Running | Failed)
            // Taken over, handed back or put off, done, failed, asked to end.
            | (Running, Running | Ready | Successful | Failed | Canceling)
            | (Canceling, Canceling | Failed)
            | (Failed, Ready)
    )
}
