//! The table: the only place that says how a subtask's status may change.

use crate::status::SubtaskStatus;

/// What happens to a subtask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its last upstream succeeded.
    Promote,
    /// An executor takes it.
    Claim,
    /// An executor takes it from one that is gone.
    TakeOver,
    /// Its executor gives it back undone: it drains.
    HandBack,
    /// Its run ended well.
    Succeed,
    /// Its run ended well, and has undone what it had done.
    Undo,
    /// Its run ended badly, for a reason that may pass: it runs again by itself.
    Defer,
    /// Its run ended badly, or nobody is there who could say how.
    Fail,
    /// Its run did not end within its limit.
    Expire,
    /// An operator asks its run to end.
    Cancel,
    /// It is not to run any more, or nobody is there who could run it.
    Drop,
    /// An operator has it run again.
    Retry,
    /// An operator passes over it.
    Skip,
    /// An operator has it undone, and nothing that came after it is left to undo.
    RollBack,
}

impl Step {
    /// Every step.
    pub const ALL: &[Self] = &[
        Self::Promote,
        Self::Claim,
        Self::TakeOver,
        Self::HandBack,
        Self::Succeed,
        Self::Undo,
        Self::Defer,
        Self::Fail,
        Self::Expire,
        Self::Cancel,
        Self::Drop,
        Self::Retry,
        Self::Skip,
        Self::RollBack,
    ];
}

/// A step that the table does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {from} subtask has no step {step:?}")]
pub struct Illegal {
    /// Where it stood.
    pub from: SubtaskStatus,
    /// What was to happen.
    pub step: Step,
}

/// Where a subtask stands after a step.
///
/// # Errors
/// [`Illegal`] for every pair that is not in the table.
pub fn next(from: SubtaskStatus, step: Step) -> Result<SubtaskStatus, Illegal> {
    use SubtaskStatus::{Canceling, Failed, Pending, Ready, Running, Successful};
    Ok(match (from, step) {
        (Pending, Step::Promote) => Ready,
        (Ready, Step::Claim) => Running,
        (Ready, Step::Drop) => Failed,
        (Running, Step::TakeOver) => Running,
        (Running, Step::HandBack | Step::Defer) => Ready,
        (Running, Step::Succeed) => Successful,
        (Running, Step::Undo) => Pending,
        (Running, Step::Fail | Step::Expire) => Failed,
        (Running, Step::Cancel) => Canceling,
        (Canceling, Step::TakeOver) => Canceling,
        (Canceling, Step::Fail | Step::Expire) => Failed,
        (Failed, Step::Retry | Step::Skip | Step::RollBack) => Ready,
        (Successful, Step::RollBack) => Ready,
        _ => return Err(Illegal { from, step }),
    })
}
