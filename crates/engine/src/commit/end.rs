//! What the end of a run means: for its subtask, for those that wait for it, and for the task.

use std::time::Duration;

use super::{
    Failure, Observation, Outcome, ResourceChange, Scan,
    draft::{Draft, Stop},
    effect::{self, Touch},
};
use crate::{
    id::SubtaskId,
    status::{Operation, SubtaskStatus, TaskStatus},
    transition::Step,
};

/// How often a subtask runs again by itself after failures that may pass, and how long it waits before the first.
const AUTO_RETRIES: u32 = 2;
const FIRST_WAIT: Duration = Duration::from_secs(1);

impl Draft<'_> {
    /// Ends a run as it says itself.
    pub(super) fn finish(&mut self, id: SubtaskId, outcome: &Outcome) -> Result<(), Stop> {
        let subtask = self.get(id)?;
        if subtask.state.status == SubtaskStatus::Canceling {
            return self.end_canceled(id, outcome);
        }
        let again = subtask.auto_retries < AUTO_RETRIES;
        match &outcome.result {
            Ok(()) => {
                self.touch(id, outcome)?;
                self.succeed(id)
            }
            Err(failure) if failure.transient && again => self.defer(id, failure),
            Err(failure) => {
                self.touch(id, outcome)?;
                let step = match failure.expired {
                    true => Step::Expire,
                    false => Step::Fail,
                };
                self.fail(id, step, failure)
            }
        }
    }

    pub(super) fn succeed(&mut self, id: SubtaskId) -> Result<(), Stop> {
        if self.is_rollback() {
            self.end_run(id, Step::Undo, None)?;
            self.release_upstreams(id)
        } else {
            self.end_run(id, Step::Succeed, None)?;
            self.release_downstreams(id)
        }
    }

    /// Whatever a run that was asked to end says of itself, it ends as canceled; what it saw is kept.
    fn end_canceled(&mut self, id: SubtaskId, outcome: &Outcome) -> Result<(), Stop> {
        let kind = self.get(id)?.kind;
        let unknown =
            effect::looks(kind) && matches!(outcome.observed, None | Some(Observation::Unknown));
        let mut reason = match &outcome.result {
            Ok(()) => "canceled on an operator's word, after it was done".to_owned(),
            Err(failure) => failure.reason.clone(),
        };
        if unknown {
            reason.push_str("; outcome unknown: look at the host");
        }
        let failure = Failure::new(reason);
        let ended = Outcome {
            result: Err(failure.clone()),
            observed: outcome.observed,
        };
        self.touch(id, &ended)?;
        self.fail(id, Step::Fail, &failure)
    }

    /// Has a run whose failure may pass run again by itself, later each time.
    fn defer(&mut self, id: SubtaskId, failure: &Failure) -> Result<(), Stop> {
        self.step(id, Step::Defer, |state, now| {
            state.finish_time = Some(now);
            state.error = Some(failure.reason.clone());
            state.code = failure.code;
            state.run_time += 1;
            // What is to be passed over or undone must not be done after all.
            if state.operation == Operation::Execute {
                state.operation = Operation::Retry;
            }
        })?;
        let now = self.now;
        let deferred = self.edit(id)?;
        deferred.owner = None;
        deferred.deadline = None;
        deferred.not_before = Some(now.plus(FIRST_WAIT * (1 << deferred.auto_retries)));
        deferred.auto_retries += 1;
        Ok(())
    }

    pub(super) fn hand_back(&mut self, id: SubtaskId) -> Result<(), Stop> {
        if self.get(id)?.state.status == SubtaskStatus::Canceling {
            let reason = "canceled on an operator's word, while its executor ended";
            let outcome = Outcome {
                result: Err(Failure::new(reason)),
                observed: None,
            };
            return self.end_canceled(id, &outcome);
        }
        let number = self.step(id, Step::HandBack, |_, _| {})?;
        let handed_back = self.edit(id)?;
        // The raised epoch keeps the run that was given back from still committing anything.
        handed_back.epoch = number;
        handed_back.owner = None;
        handed_back.deadline = None;
        Ok(())
    }

    /// Ends a run that its executor does not end. Its epoch is raised: whatever that run says later is stale.
    pub(super) fn expire(
        &mut self,
        id: SubtaskId,
        observed: Option<Observation>,
    ) -> Result<(), Stop> {
        let subtask = self.get(id)?;
        let failure = Failure {
            expired: true,
            ..Failure::new(format!(
                "{} did not end within {} s, and its executor {} did not end it; look at the host, then retry",
                subtask.kind.name(),
                subtask.timeout.as_secs(),
                subtask.owner.as_deref().unwrap_or("(unknown)"),
            ))
        };
        let outcome = Outcome {
            result: Err(failure.clone()),
            observed,
        };
        self.touch(id, &outcome)?;
        self.fail(id, Step::Expire, &failure)?;
        let number = self.task.revision;
        self.edit(id)?.epoch = number;
        Ok(())
    }

    /// Ends READY subtasks that nobody is there to run.
    pub(super) fn strand(&mut self, ids: &[SubtaskId], reason: &str) -> Result<(), Stop> {
        self.load(ids.iter().copied())?;
        for &id in ids {
            if self.get(id)?.state.status == SubtaskStatus::Ready {
                self.fail_unseen(id, Step::Drop, reason)?;
            }
        }
        Ok(())
    }

    /// Ends runs that nobody is there to take over. Their epochs are raised: whatever a run says that was only
    /// paused is stale.
    pub(super) fn abandon(&mut self, runs: &[(SubtaskId, i64)], reason: &str) -> Result<(), Stop> {
        self.load(runs.iter().map(|(id, _)| *id))?;
        for &(id, epoch) in runs {
            if self.is_run(id, epoch)? {
                self.fail_unseen(id, Step::Fail, reason)?;
                let number = self.task.revision;
                self.edit(id)?.epoch = number;
            }
        }
        Ok(())
    }

    /// Ends a subtask whose server nobody can look at.
    fn fail_unseen(&mut self, id: SubtaskId, step: Step, reason: &str) -> Result<(), Stop> {
        let failure = Failure::new(reason);
        let outcome = Outcome {
            result: Err(failure.clone()),
            observed: Some(Observation::Unknown),
        };
        self.touch(id, &outcome)?;
        self.fail(id, step, &failure)
    }

    /// Writes down what the end of a run says of its server and its zone.
    fn touch(&mut self, id: SubtaskId, outcome: &Outcome) -> Result<(), Stop> {
        let subtask = self.get(id)?;
        let (kind, server, zone) = (subtask.kind, subtask.server, subtask.zone);
        let touch = Touch {
            kind,
            goal: self.task.kind.goal(),
            operation: subtask.state.operation,
            rollback: self.is_rollback(),
        };
        if let (Some(server), Some(status)) = (server, effect::on_server(touch, outcome)) {
            self.servers.insert(server, status);
        }
        if let (Some(zone), Some(status)) = (
            zone,
            effect::on_zone(touch, self.task.kind.extent(), outcome),
        ) {
            self.zones.insert(zone, status);
        }
        Ok(())
    }

    /// Ends a subtask as FAILED. The task names its first failure at once, though siblings may still run.
    pub(super) fn fail(
        &mut self,
        id: SubtaskId,
        step: Step,
        failure: &Failure,
    ) -> Result<(), Stop> {
        self.end_run(id, step, Some(failure))?;
        if self.task.state.error.is_none() {
            let error = self.failure_of(id)?;
            self.set_task(|state| state.error = Some(error));
        }
        Ok(())
    }

    fn first_failure(&self) -> Result<Option<String>, Stop> {
        for id in self.scan(Scan::Stuck)? {
            if self.get(id)?.state.status == SubtaskStatus::Failed {
                return self.failure_of(id).map(Some);
            }
        }
        Ok(None)
    }

    fn failure_of(&self, id: SubtaskId) -> Result<String, Stop> {
        let subtask = self.get(id)?;
        let (name, error) = (subtask.kind.name(), subtask.state.error.as_deref());
        Ok(format!(
            "{name} (subtask {id}): {}",
            error.unwrap_or("no reason given")
        ))
    }

    fn end_run(
        &mut self,
        id: SubtaskId,
        step: Step,
        failure: Option<&Failure>,
    ) -> Result<(), Stop> {
        self.step(id, step, |state, now| {
            state.finish_time = Some(now);
            state.error = failure.map(|failure| failure.reason.clone());
            state.code = failure.and_then(|failure| failure.code);
            if step == Step::Expire {
                state.operation = Operation::Cancel;
            }
        })?;
        let ended = self.edit(id)?;
        ended.owner = None;
        ended.deadline = None;
        ended.not_before = None;
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
                self.promote(downstream)?;
            }
        }
        Ok(())
    }

    pub(super) fn promote(&mut self, id: SubtaskId) -> Result<(), Stop> {
        self.step(id, Step::Promote, |_, _| {})?;
        self.ready.push_back(id);
        Ok(())
    }

    /// The same backwards: what was undone is counted down at what came before it.
    fn release_upstreams(&mut self, id: SubtaskId) -> Result<(), Stop> {
        let upstreams = self.get(id)?.upstreams.clone();
        self.load(upstreams.iter())?;
        for upstream in upstreams.iter() {
            let waiting = self.edit(upstream)?;
            waiting.open_upstreams = waiting.open_upstreams.saturating_sub(1);
            if waiting.open_upstreams == 0 && self.task.tally.failed == 0 {
                self.roll_back(upstream)?;
            }
        }
        Ok(())
    }

    pub(super) fn roll_back(&mut self, id: SubtaskId) -> Result<(), Stop> {
        self.step(id, Step::RollBack, |state, _| {
            state.operation = Operation::Rollback
        })?;
        self.edit(id)?.auto_retries = 0;
        self.ready.push_back(id);
        Ok(())
    }

    /// Ends the task if nothing is left to run. Returns whether it lets go of its cluster.
    pub(super) fn settle(&mut self) -> Result<bool, Stop> {
        let tally = self.task.tally;
        let done = match self.is_rollback() {
            true => tally.all_pending(),
            false => tally.successful == tally.total,
        };
        let ended = if done {
            TaskStatus::Successful
        } else if tally.failed > 0 && tally.active == 0 {
            TaskStatus::Failed
        } else {
            return Ok(false);
        };
        if ended == TaskStatus::Failed {
            if self.task.state.error.is_none() {
                // It was cleared when another failure was retried or skipped.
                self.task.state.error = self.first_failure()?;
            }
            let error = self.task.state.error.as_deref();
            let reason = error.unwrap_or("no reason given");
            let reason = format!("task {} failed: {reason}", self.task.id);
            // What the cluster is in the middle of stays true; the reason says why it goes no further.
            self.cluster = Some(ResourceChange {
                id: self.task.cluster.id,
                status: self.task.kind.holds(),
                reason,
            });
        } else if self.is_rollback() {
            self.roll_up_all()?;
        }
        let now = self.now;
        self.set_task(|state| {
            state.status = ended;
            state.finish_time = Some(now);
        });
        Ok(ended == TaskStatus::Successful)
    }
}
