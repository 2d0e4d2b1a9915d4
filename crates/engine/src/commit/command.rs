//! What operators ask of a task.

use super::{
    Failure, Refusal, ResourceChange, Scan,
    draft::{CANCEL_LIMIT, Draft, Stop},
};
use crate::{
    id::SubtaskId,
    revision::Changed,
    status::{Operation, SubtaskStatus, TaskStatus},
    transition::Step,
};

const CANCELED: &str = "canceled on an operator's word before it ran";

impl Draft<'_> {
    pub(super) fn retry_task(&mut self) -> Result<(), Stop> {
        self.expect_failed()?;
        self.expect_forward()?;
        let failed = self.failed()?;
        self.resume(Operation::Retry);
        for id in failed {
            self.retry(id)?;
        }
        self.promote_stuck()
    }

    pub(super) fn retry_subtask(&mut self, id: SubtaskId) -> Result<(), Stop> {
        self.expect_subtask(
            id,
            SubtaskStatus::Failed,
            "only a FAILED subtask is retried",
        )?;
        self.expect_forward()?;
        self.resume(Operation::Retry);
        self.retry(id)?;
        self.promote_stuck()
    }

    pub(super) fn skip_subtask(&mut self, id: SubtaskId) -> Result<(), Stop> {
        self.expect_subtask(
            id,
            SubtaskStatus::Failed,
            "only a FAILED subtask is skipped",
        )?;
        self.resume(match self.is_rollback() {
            true => Operation::Rollback,
            false => Operation::Skip,
        });
        self.step(id, Step::Skip, |state, _| state.operation = Operation::Skip)?;
        self.edit(id)?.auto_retries = 0;
        self.ready.push_back(id);
        self.promote_stuck()
    }

    pub(super) fn roll_back_task(&mut self) -> Result<(), Stop> {
        self.expect_failed()?;
        let all = self.scan(Scan::All)?;
        self.resume(Operation::Rollback);
        for id in all {
            if self.get(id)?.state.status == SubtaskStatus::Pending {
                continue;
            }
            let downstreams = self.get(id)?.downstreams.clone();
            let mut open = 0;
            for downstream in downstreams.iter() {
                open += u32::from(self.get(downstream)?.state.status != SubtaskStatus::Pending);
            }
            self.edit(id)?.open_upstreams = open;
            if open == 0 {
                self.roll_back(id)?;
            } else if self.get(id)?.state.operation != Operation::Rollback {
                let marked = self.edit(id)?;
                marked.state.operation = Operation::Rollback;
                let state = marked.state.clone();
                self.record(Changed::Subtask(id, state));
            }
        }
        Ok(())
    }

    pub(super) fn cancel_subtask(&mut self, id: SubtaskId) -> Result<(), Stop> {
        self.expect_subtask(
            id,
            SubtaskStatus::Running,
            "only a RUNNING subtask is canceled",
        )?;
        self.cancel(id)
    }

    pub(super) fn cancel_task(&mut self) -> Result<(), Stop> {
        if self.task.state.status != TaskStatus::Running {
            return Err(self.task_state("only a RUNNING task is canceled"));
        }
        let active = self.scan(Scan::Active)?;
        // Said again, it changes nothing more, which is no reason to refuse it.
        let operation = match self.is_rollback() {
            true => Operation::Rollback,
            false => Operation::Cancel,
        };
        self.set_task(|state| state.operation = operation);
        for id in active {
            match self.get(id)?.state.status {
                SubtaskStatus::Running => self.cancel(id)?,
                SubtaskStatus::Ready => {
                    self.edit(id)?.state.operation = Operation::Cancel;
                    self.fail(id, Step::Drop, &Failure::new(CANCELED))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn cancel(&mut self, id: SubtaskId) -> Result<(), Stop> {
        self.step(id, Step::Cancel, |state, _| {
            state.operation = Operation::Cancel
        })?;
        let limit = self.now.plus(CANCEL_LIMIT);
        let canceled = self.edit(id)?;
        canceled.deadline = Some(
            canceled
                .deadline
                .map_or(limit, |deadline| deadline.min(limit)),
        );
        Ok(())
    }

    fn retry(&mut self, id: SubtaskId) -> Result<(), Stop> {
        self.step(id, Step::Retry, |state, _| {
            state.operation = Operation::Retry;
            state.run_time += 1;
        })?;
        self.edit(id)?.auto_retries = 0;
        self.ready.push_back(id);
        Ok(())
    }

    /// The task goes on.
    fn resume(&mut self, operation: Operation) {
        if self.task.state.status == TaskStatus::Failed {
            // Why it went no further is true no longer.
            self.cluster = Some(ResourceChange {
                id: self.task.cluster.id,
                status: self.task.kind.holds(),
                reason: String::new(),
            });
        }
        self.set_task(|state| {
            state.status = TaskStatus::Running;
            state.operation = operation;
            state.finish_time = None;
            state.error = None;
        });
    }

    /// What waited for nothing but the failures goes on once none is left.
    fn promote_stuck(&mut self) -> Result<(), Stop> {
        if self.task.tally.failed > 0 {
            return Ok(());
        }
        let (scan, waiting) = match self.is_rollback() {
            true => (Scan::All, SubtaskStatus::Successful),
            false => (Scan::Stuck, SubtaskStatus::Pending),
        };
        for id in self.scan(scan)? {
            let subtask = self.get(id)?;
            if subtask.state.status != waiting || subtask.open_upstreams > 0 {
                continue;
            }
            match self.is_rollback() {
                true => self.roll_back(id)?,
                false => self.promote(id)?,
            }
        }
        Ok(())
    }

    fn failed(&self) -> Result<Vec<SubtaskId>, Stop> {
        let mut failed = Vec::new();
        for id in self.scan(Scan::Stuck)? {
            if self.get(id)?.state.status == SubtaskStatus::Failed {
                failed.push(id);
            }
        }
        Ok(failed)
    }

    fn expect_failed(&self) -> Result<(), Stop> {
        match self.task.state.status {
            TaskStatus::Failed => Ok(()),
            TaskStatus::Running => Err(self.task_state("wait until it ends, or cancel it")),
            TaskStatus::Successful => Err(self.task_state("it has ended for good")),
        }
    }

    fn expect_forward(&self) -> Result<(), Stop> {
        match self.is_rollback() {
            false => Ok(()),
            true => Err(self.task_state("it is rolled back: roll back again, or skip what fails")),
        }
    }

    fn expect_subtask(
        &self,
        id: SubtaskId,
        status: SubtaskStatus,
        advice: &'static str,
    ) -> Result<(), Stop> {
        self.load([id])?;
        let found = self.get(id)?.state.status;
        if found == status {
            return Ok(());
        }
        Err(Refusal::SubtaskState {
            subtask: id,
            status: found,
            advice,
        }
        .into())
    }

    fn task_state(&self, advice: &'static str) -> Stop {
        Refusal::TaskState {
            task: self.task.id,
            status: self.task.state.status,
            operation: self.task.state.operation,
            advice,
        }
        .into()
    }
}
