//! A commit in the making.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    Advance, Change, Claimant, Event, FoldedLog, Frame, Need, Outcome, Refusal, ResourceChange,
    effect,
};
use crate::{
    id::{ClusterId, ServerId, SubtaskId, ZoneId},
    kind::SubtaskKind,
    revision::{Changed, Revision},
    status::{Operation, ResourceStatus, SubtaskStatus, TaskStatus},
    subtask::Subtask,
    task::Task,
    time::Micros,
    transition::{Step, next},
};

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
    ready: VecDeque<SubtaskId>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(frame: &'a Frame, claimant: &'a Claimant, now: Micros) -> Self {
        Self {
            frame,
            claimant,
            room: claimant.room,
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
        match self.apply(event).and_then(|()| self.run_ready()) {
            Ok(()) => {}
            Err(Stop::Need(need)) => return Ok(Advance::Need(need)),
            Err(Stop::Refuse(refusal)) => return Err(refusal),
        }
        if self.revisions.is_empty() {
            return Err(Refusal::NothingToClaim);
        }
        let release = self.settle();
        Ok(Advance::Write(Box::new(self.into_change(release))))
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
                    let subtask = self.get(id)?;
                    let lost =
                        subtask.state.status == SubtaskStatus::Running && subtask.epoch == epoch;
                    if lost && self.may_run(id)? {
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
                let number = self.step(*subtask, Step::HandBack, |_, _| {})?;
                let handed_back = self.edit(*subtask)?;
                // The raised epoch keeps the run that was given back from still committing anything.
                handed_back.epoch = number;
                handed_back.owner = None;
                handed_back.deadline = None;
                Ok(())
            }
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
            if subtask.foldable {
                self.run_folded(id)?;
            } else if self.may_run(id)? {
                self.claim(id, Step::Claim)?;
            }
        }
        Ok(())
    }

    fn may_run(&self, id: SubtaskId) -> Result<bool, Stop> {
        let host = &self.get(id)?.host;
        Ok(self.room > 0 && host.as_ref().is_none_or(|host| *host == self.claimant.host))
    }

    fn claim(&mut self, id: SubtaskId, step: Step) -> Result<(), Stop> {
        self.start(id, step)?;
        self.room -= 1;
        self.claimed.push(id);
        Ok(())
    }

    /// Begins a run: its epoch is the revision that says so, hence it only grows over the task's life.
    pub(super) fn start(&mut self, id: SubtaskId, step: Step) -> Result<(), Stop> {
        let (host, owner) = (self.claimant.host.clone(), self.claimant.executor.clone());
        let number = self.step(id, step, |state, now| {
            state.executor = Some(host);
            state.start_time.get_or_insert(now);
            state.finish_time = None;
            state.error = None;
        })?;
        let now = self.now;
        let started = self.edit(id)?;
        started.epoch = number;
        started.owner = Some(owner);
        started.deadline = Some(now.plus(started.timeout));
        Ok(())
    }

    pub(super) fn finish(&mut self, id: SubtaskId, outcome: &Outcome) -> Result<(), Stop> {
        let (kind, server, zone) = {
            let s = self.get(id)?;
            (s.kind, s.server, s.zone)
        };
        if let (Some(server), Some(status)) = (server, effect::on_server(kind, outcome)) {
            self.servers.insert(server, status);
        }
        match &outcome.result {
            Ok(()) => {
                if let (SubtaskKind::PrepareStopObZone, Some(zone)) = (kind, zone) {
                    self.zones.insert(zone, ResourceStatus::Stopping);
                }
                self.end_run(id, Step::Succeed, None)?;
                self.release_downstreams(id)
            }
            Err(failure) => {
                let step = if failure.expired {
                    Step::Expire
                } else {
                    Step::Fail
                };
                self.end_run(id, step, Some(&failure.reason))?;
                self.note_failure(id, kind, &failure.reason);
                Ok(())
            }
        }
    }

    /// The task names its first failure at once, though siblings may still run.
    fn note_failure(&mut self, id: SubtaskId, kind: SubtaskKind, reason: &str) {
        if self.task.state.error.is_none() {
            self.task.state.error = Some(format!("{} (subtask {id}): {reason}", kind.name()));
            let state = self.task.state.clone();
            self.record(Changed::Task(state));
        }
    }

    fn end_run(&mut self, id: SubtaskId, step: Step, error: Option<&str>) -> Result<(), Stop> {
        self.step(id, step, |state, now| {
            state.finish_time = Some(now);
            state.error = error.map(str::to_owned);
            if step == Step::Expire {
                state.operation = Operation::Cancel;
            }
        })?;
        let ended = self.edit(id)?;
        ended.owner = None;
        ended.deadline = None;
        Ok(())
    }

    /// Counts a success down at what waits for it, and promotes what waits for nothing more.
    fn release_downstreams(&mut self, id: SubtaskId) -> Result<(), Stop> {
        let downstreams = self.get(id)?.downstreams.clone();
        self.load(downstreams.iter())?;
        for downstream in downstreams.iter() {
            let waiting = self.edit(downstream)?;
            waiting.open_upstreams = waiting.open_upstreams.saturating_sub(1);
            // A failed sibling stops the task at the next barrier; what is READY already still runs.
            if waiting.open_upstreams == 0 && self.task.tally.failed == 0 {
                self.step(downstream, Step::Promote, |_, _| {})?;
                self.ready.push_back(downstream);
            }
        }
        Ok(())
    }

    /// Ends the task if nothing is left to run. Returns whether it lets go of its cluster.
    fn settle(&mut self) -> bool {
        let tally = self.task.tally;
        let ended = if tally.successful == tally.total {
            TaskStatus::Successful
        } else if tally.failed > 0 && tally.active == 0 {
            TaskStatus::Failed
        } else {
            return false;
        };
        if ended == TaskStatus::Failed {
            let reason = self
                .task
                .state
                .error
                .as_deref()
                .unwrap_or("no reason given");
            let reason = format!("task {} failed: {reason}", self.task.id);
            // What the cluster is in the middle of stays true; the reason says why it goes no further.
            let status = ResourceStatus::Stopping;
            self.cluster = Some(ResourceChange {
                id: self.task.cluster.id,
                status,
                reason,
            });
        }
        self.task.state.status = ended;
        self.task.state.finish_time = Some(self.now);
        let state = self.task.state.clone();
        self.record(Changed::Task(state));
        ended == TaskStatus::Successful
    }

    /// Moves a subtask by the table, lets `edit` change the rest of its state, and records the revision.
    fn step(
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

    fn record(&mut self, what: Changed) -> i64 {
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
        let subtask = self.get(id)?;
        if subtask.state.status == SubtaskStatus::Running && subtask.epoch == epoch {
            Ok(())
        } else {
            Err(Refusal::Stale { subtask: id, epoch }.into())
        }
    }

    /// Asks for all of these that the frame lacks, at once.
    fn load(&self, ids: impl IntoIterator<Item = SubtaskId>) -> Result<(), Stop> {
        let missing: BTreeSet<_> = ids
            .into_iter()
            .filter(|id| !self.frame.subtasks.contains_key(id))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Stop::Need(Need {
                subtasks: missing.into_iter().collect(),
                servers: false,
            }))
        }
    }

    pub(super) fn get(&self, id: SubtaskId) -> Result<&Subtask, Stop> {
        let found = self
            .subtasks
            .get(&id)
            .or_else(|| self.frame.subtasks.get(&id));
        found.ok_or_else(|| Refusal::UnknownSubtask(id).into())
    }

    fn edit(&mut self, id: SubtaskId) -> Result<&mut Subtask, Stop> {
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
