//! The rows of one task, of its cluster and of its server.

use std::collections::BTreeMap;

use slacktide_engine::{
    commit::{Advance, Change, Claimant, Event, Frame, ServerRow, advance},
    fence::Fence,
    id::SubtaskId,
    kind::SubtaskKind,
    status::{Goal, Operation, ResourceStatus, SubtaskStatus, TaskStatus},
    subtask::Subtask,
    task::Task,
};

use crate::{
    cluster::{NOW, SERVER, accept},
    database::{EXECUTORS, Executor},
    host::Identity,
};

/// One run of one subtask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Run {
    pub(crate) generation: i64,
    pub(crate) subtask: SubtaskId,
    pub(crate) epoch: i64,
}

impl Run {
    pub(crate) fn fence(self) -> Fence {
        Fence {
            generation: self.generation,
            epoch: self.epoch,
        }
    }
}

/// The rows.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) task: Task,
    subtasks: BTreeMap<SubtaskId, Subtask>,
    pub(crate) server: ServerRow,
    cluster: ResourceStatus,
    /// Journal of the server's process.
    pub(crate) journal: Option<Identity>,
}

impl Rows {
    /// The stop of a cluster that runs was just accepted.
    pub(crate) fn of_stop() -> Self {
        let running = ResourceStatus::Running;
        Self::accepted(Goal::Stop, running, SERVER, 4, None).unwrap()
    }

    /// Another operation was accepted, the present one being over.
    pub(crate) fn followed_by(&self, goal: Goal) -> Option<Self> {
        if self.task.state.status != TaskStatus::Successful {
            return None;
        }
        let generation = self.task.generation;
        Self::accepted(goal, self.cluster, self.server, generation, self.journal)
    }

    fn accepted(
        goal: Goal,
        cluster: ResourceStatus,
        server: ServerRow,
        generation: i64,
        journal: Option<Identity>,
    ) -> Option<Self> {
        let accepted = accept(goal, cluster, generation)?;
        let subtasks = accepted.subtasks.into_iter().map(|row| (row.id, row));
        Some(Self {
            cluster: accepted.task.kind.holds(),
            task: accepted.task,
            subtasks: subtasks.collect(),
            server,
            journal,
        })
    }

    /// Commits an event; `None` if the engine refuses. Returns what was claimed.
    pub(crate) fn advance(&self, event: &Event, by: &Claimant) -> Option<(Self, Vec<Run>)> {
        let mut frame = Frame {
            task: self.task.clone(),
            subtasks: BTreeMap::new(),
            servers: None,
            scanned: None,
        };
        let change = loop {
            match advance(&frame, event, by, NOW).ok()? {
                Advance::Write(change) => break *change,
                Advance::Need(need) => {
                    let wanted = |row: &&Subtask| {
                        let scanned = need.scan.is_some_and(|scan| scan.sees(row));
                        scanned || need.subtasks.contains(&row.id)
                    };
                    let rows = self.subtasks.values().filter(wanted);
                    frame.subtasks.extend(rows.map(|row| (row.id, row.clone())));
                    frame.scanned = need.scan.or(frame.scanned);
                    frame.servers = need.servers.then(|| vec![self.server]).or(frame.servers);
                }
            }
        };
        let claimed = change.claimed.clone();
        let mut rows = self.clone();
        rows.write(change);
        let claimed = claimed.into_iter().map(|id| rows.run(&rows.subtasks[&id]));
        let claimed = claimed.collect();
        Some((rows, claimed))
    }

    fn write(&mut self, change: Change) {
        self.task = change.task;
        // A row's version guards against a change between reading and writing; here that is one step.
        let subtasks = change.subtasks.into_iter();
        self.subtasks.extend(subtasks.map(|row| (row.id, row)));
        for server in change.servers {
            self.server.status = server.status;
        }
        if let Some(cluster) = change.cluster {
            self.cluster = cluster.status;
        }
    }

    /// What a run that ended well leaves in the journal, in the transaction of its end.
    pub(crate) fn write_journal(&mut self, run: Run, process: Option<Identity>) {
        use SubtaskKind::*;
        match self.kind(run) {
            PrepareStopObserver | PrepareStartObserver => self.journal = process,
            StopObserverProcess | StartObserverProcess if process.is_some() => {
                self.journal = process;
            }
            _ => {}
        }
    }

    fn run(&self, row: &Subtask) -> Run {
        Run {
            generation: self.task.generation,
            subtask: row.id,
            epoch: row.epoch,
        }
    }

    /// The row, if this is the subtask's present run.
    fn present(&self, run: Run) -> Option<&Subtask> {
        let row = self.subtasks.get(&run.subtask)?;
        (row.owner.is_some() && self.run(row) == run).then_some(row)
    }

    /// Whether this is the subtask's present run.
    pub(crate) fn names(&self, run: Run) -> bool {
        self.present(run).is_some()
    }

    /// Whether the run was asked to end.
    pub(crate) fn cancels(&self, run: Run) -> bool {
        let canceling = |row: &Subtask| row.state.status == SubtaskStatus::Canceling;
        self.present(run).is_some_and(canceling)
    }

    /// The epoch of a subtask's last run, whichever that is.
    pub(crate) fn epoch(&self, subtask: SubtaskId) -> i64 {
        self.subtasks.get(&subtask).map_or(0, |row| row.epoch)
    }

    pub(crate) fn kind(&self, run: Run) -> SubtaskKind {
        self.subtasks[&run.subtask].kind
    }

    /// What the run is to do.
    pub(crate) fn operation(&self, run: Run) -> Operation {
        self.subtasks[&run.subtask].state.operation
    }

    /// The present runs, with their owners.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Executor, Run)> {
        self.subtasks.values().filter_map(|row| {
            let owner = row.owner.as_deref()?;
            let owner = EXECUTORS.iter().position(|executor| *executor == owner)?;
            Some((owner, self.run(row)))
        })
    }

    pub(crate) fn standing(&self, status: SubtaskStatus) -> impl Iterator<Item = SubtaskId> {
        let standing = move |row: &&Subtask| row.state.status == status;
        self.subtasks.values().filter(standing).map(|row| row.id)
    }

    pub(crate) fn status(&self) -> TaskStatus {
        self.task.state.status
    }

    pub(crate) fn was_skipped(&self) -> bool {
        let skipped = |row: &Subtask| row.state.operation == Operation::Skip;
        self.subtasks.values().any(skipped)
    }
}

/// Whether runs of this kind may touch the server's process: then the host is fenced before somebody else does.
pub(crate) fn touches_process(kind: SubtaskKind) -> bool {
    use SubtaskKind::{StartObserverProcess, StopObserverProcess};
    matches!(kind, StopObserverProcess | StartObserverProcess)
}
