//! A commit in the making.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use super::{
    Advance, Change, Claimant, Event, FoldedLog, Frame, Need, Refusal, ResourceChange, Scan,
    fold::folds,
};
use crate::{
    id::{ClusterId, ServerId, SubtaskId, ZoneId},
    revision::{Changed, Revision},
    status::{Operation, ResourceStatus, SubtaskStatus},
    subtask::Subtask,
    task::{Task, TaskState},
    time::Micros,
    transition::{Step, next},
};

/// How long a run has to end once it was asked to. Then whoever notices ends it.
pub(super) const CANCEL_LIMIT: Duration = Duration::from_secs(10);

/// Why drafting ended early.
pub(super) enum Stop {
    Need(Need),
    Refuse(Refusal),
}

impl<R: Into<Refusal>> From<R> for Stop {
    fn from(refusal: R) -> Self {
        Self::Refuse(refusal.into())
    }
}

pub(super) struct Draft<'a> {
    pub(super) frame: &'a Frame,
    claimant: &'a Claimant,
    room: usize,
    host_room: usize,
    pub(super) now: Micros,
    pub(super) task: Task,
    subtasks: BTreeMap<SubtaskId, Subtask>,
    revisions: Vec<Revision>,
    pub(super) servers: BTreeMap<ServerId, (ResourceStatus, String)>,
    pub(super) zones: BTreeMap<ZoneId, ResourceStatus>,
    pub(super) cluster: Option<ResourceChange<ClusterId>>,
    claimed: Vec<SubtaskId>,
    pub(super) logs: Vec<FoldedLog>,
    /// What is to be folded or claimed: named by a claim, or made READY by this commit, in order.
    pub(super) ready: VecDeque<SubtaskId>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(frame: &'a Frame, claimant: &'a Claimant, now: Micros) -> Self {
        Self {
            frame,
            claimant,
            room: claimant.room,
            host_room: claimant.host_room,
            now: now.max(frame.task.last_time),
            task: frame.task.clone(),
            subtasks: BTreeMap::new(),
            revisions: Vec::new(),
            servers: BTreeMap::new(),
            zones: BTreeMap::new(),
            cluster: None,
            claimed: Vec::new(),
            logs: Vec::new(),
            ready: VecDeque::new(),
        }
    }

    pub(super) fn advance(mut self, event: &Event) -> Result<Advance, Refusal> {
        let drafted = self
            .apply(event)
            .and_then(|()| self.run_ready())
            .and_then(|()| match self.revisions.is_empty() {
                true => Err(Refusal::NothingToClaim.into()),
                false => self.settle(),
            });
        match drafted {
            Ok(release) => Ok(Advance::Write(Box::new(self.into_change(release)))),
            Err(Stop::Need(need)) => Ok(Advance::Need(need)),
            Err(Stop::Refuse(refusal)) => Err(refusal),
        }
    }

    fn apply(&mut self, event: &Event) -> Result<(), Stop> {
        match event {
            Event::Claim { subtasks } => {
                self.load(subtasks.iter().copied())?;
                self.ready.extend(subtasks);
                Ok(())
            }
            Event::TakeOver { runs } => {
                self.load(runs.iter().map(|(id, _)| *id))?;
                for &(id, epoch) in runs {
                    if self.is_run(id, epoch)? && self.may_run(id)? {
                        self.claim(id, Step::TakeOver)?;
                    }
                }
                Ok(())
            }
            Event::Finish {
                subtask,
                epoch,
                outcome,
            } => {
                self.check_run(*subtask, *epoch)?;
                self.finish(*subtask, outcome)
            }
            Event::HandBack { subtask, epoch } => {
                self.check_run(*subtask, *epoch)?;
                self.hand_back(*subtask)
            }
            Event::Expire {
                subtask,
                epoch,
                observed,
            } => {
                self.check_run(*subtask, *epoch)?;
                self.expire(*subtask, *observed)
            }
            Event::Strand { subtasks, reason } => self.strand(subtasks, reason),
            Event::Abandon { runs, reason } => self.abandon(runs, reason),
            Event::RetryTask => self.retry_task(),
            Event::RetrySubtask(subtask) => self.retry_subtask(*subtask),
            Event::RollbackTask => self.roll_back_task(),
            Event::SkipSubtask(subtask) => self.skip_subtask(*subtask),
            Event::CancelSubtask(subtask) => self.cancel_subtask(*subtask),
            Event::CancelTask => self.cancel_task(),
        }
    }

    /// Folds or claims what is READY, and what that makes READY in turn.
    fn run_ready(&mut self) -> Result<(), Stop> {
        while let Some(id) = self.ready.pop_front() {
            let subtask = self.get(id)?;
            if subtask.state.status != SubtaskStatus::Ready {
                // A claim names what somebody else has taken, or the same subtask twice.
                continue;
            }
            if subtask.not_before.is_some_and(|time| time > self.now) {
                continue;
            }
            if folds(subtask) {
                self.run_folded(id)?;
            } else if self.may_run(id)? {
                self.claim(id, Step::Claim)?;
            }
        }
        Ok(())
    }

    fn may_run(&self, id: SubtaskId) -> Result<bool, Stop> {
        let subtask = self.get(id)?;
        let passed_over = subtask.state.operation == Operation::Skip;
        let here = match &subtask.host {
            None => true,
            // A host that nobody is left on cannot be looked at: the skip says so.
            Some(_) if passed_over => true,
            Some(host) => *host == self.claimant.host && self.host_room > 0,
        };
        // The same where nobody has the labels.
        let labelled = passed_over || subtask.selector.is_met_by(&self.claimant.labels);
        let limit = self.task.options.parallel;
        // A run that is taken over counts already.
        let counted = u32::from(subtask.state.status != SubtaskStatus::Ready);
        let running = self.task.tally.running.saturating_sub(counted);
        Ok(here && self.room > 0 && labelled && limit.is_none_or(|limit| running < limit))
    }

    fn claim(&mut self, id: SubtaskId, step: Step) -> Result<(), Stop> {
        self.start(id, step)?;
        self.room -= 1;
        if self.get(id)?.host.is_some() {
            self.host_room = self.host_room.saturating_sub(1);
        }
        self.claimed.push(id);
        Ok(())
    }

    /// Begins a run: its epoch is the revision that says so, hence it only grows over the task's life.
    pub(super) fn start(&mut self, id: SubtaskId, step: Step) -> Result<(), Stop> {
        let (host, owner) = (self.claimant.host.clone(), self.claimant.executor.clone());
        let number = self.step(id, step, |state, now| {
            // What an operator's word runs inside the commit is run by nobody.
            if !host.is_empty() {
                state.executor = Some(host);
            }
            state.start_time.get_or_insert(now);
            state.finish_time = None;
            state.error = None;
            state.code = None;
        })?;
        let now = self.now;
        let started = self.edit(id)?;
        started.epoch = number;
        started.owner = Some(owner);
        started.deadline = Some(now.plus(match started.state.status {
            // Taken over, it only has to look and end.
            SubtaskStatus::Canceling => CANCEL_LIMIT,
            _ => started.timeout,
        }));
        started.not_before = None;
        Ok(())
    }

    /// Moves a subtask by the table, lets `edit` change the rest of its state, and records the revision.
    pub(super) fn step(
        &mut self,
        id: SubtaskId,
        step: Step,
        edit: impl FnOnce(&mut crate::subtask::SubtaskState, Micros),
    ) -> Result<i64, Stop> {
        let now = self.now;
        let subtask = self.edit(id)?;
        let from = subtask.state.status;
        let to = next(from, step)?;
        subtask.state.status = to;
        edit(&mut subtask.state, now);
        let state = subtask.state.clone();
        self.task.tally.moved(from, to);
        Ok(self.record(Changed::Subtask(id, state)))
    }

    pub(super) fn record(&mut self, what: Changed) -> i64 {
        self.task.revision += 1;
        self.task.last_time = self.now;
        let number = self.task.revision;
        self.revisions.push(Revision {
            number,
            time: self.now,
            what,
        });
        number
    }

    fn check_run(&self, id: SubtaskId, epoch: i64) -> Result<(), Stop> {
        self.load([id])?;
        match self.is_run(id, epoch)? {
            true => Ok(()),
            false => Err(Refusal::Stale { subtask: id, epoch }.into()),
        }
    }

    /// Whether this very run is going on.
    pub(super) fn is_run(&self, id: SubtaskId, epoch: i64) -> Result<bool, Stop> {
        let subtask = self.get(id)?;
        let status = subtask.state.status;
        let going_on = matches!(status, SubtaskStatus::Running | SubtaskStatus::Canceling);
        Ok(going_on && subtask.epoch == epoch)
    }

    /// Asks for all of these that the frame lacks, at once.
    pub(super) fn load(&self, ids: impl IntoIterator<Item = SubtaskId>) -> Result<(), Stop> {
        let missing: BTreeSet<_> = ids
            .into_iter()
            .filter(|id| !self.frame.subtasks.contains_key(id))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Stop::Need(Need {
                subtasks: missing.into_iter().collect(),
                ..Need::default()
            }))
        }
    }

    /// The subtasks that a scan sees, as they are now.
    pub(super) fn scan(&self, scan: Scan) -> Result<Vec<SubtaskId>, Stop> {
        if ![Some(scan), Some(Scan::All)].contains(&self.frame.scanned) {
            return Err(Stop::Need(Need {
                scan: Some(scan),
                ..Need::default()
            }));
        }
        let ids = self.frame.subtasks.keys().copied();
        let mut seen = Vec::new();
        for id in ids {
            if scan.sees(self.get(id)?) {
                seen.push(id);
            }
        }
        Ok(seen)
    }

    /// Whether the task is undone rather than done.
    pub(super) fn is_rollback(&self) -> bool {
        self.task.state.operation == Operation::Rollback
    }

    /// Changes the task's own state and records that.
    pub(super) fn set_task(&mut self, edit: impl FnOnce(&mut TaskState)) {
        edit(&mut self.task.state);
        let state = self.task.state.clone();
        self.record(Changed::Task(state));
    }

    pub(super) fn get(&self, id: SubtaskId) -> Result<&Subtask, Stop> {
        let found = self
            .subtasks
            .get(&id)
            .or_else(|| self.frame.subtasks.get(&id));
        found.ok_or_else(|| Refusal::UnknownSubtask(id).into())
    }

    pub(super) fn edit(&mut self, id: SubtaskId) -> Result<&mut Subtask, Stop> {
        let original = self
            .frame
            .subtasks
            .get(&id)
            .ok_or(Stop::Refuse(Refusal::UnknownSubtask(id)))?;
        Ok(self.subtasks.entry(id).or_insert_with(|| original.clone()))
    }

    fn into_change(self, release: bool) -> Change {
        Change {
            task: self.task,
            subtasks: self.subtasks.into_values().collect(),
            revisions: self.revisions,
            servers: self
                .servers
                .into_iter()
                .map(|(id, (status, reason))| ResourceChange { id, status, reason })
                .collect(),
            zones: self
                .zones
                .into_iter()
                .map(|(id, status)| ResourceChange {
                    id,
                    status,
                    reason: String::new(),
                })
                .collect(),
            cluster: self.cluster,
            release,
            claimed: self.claimed,
            logs: self.logs,
        }
    }
}
