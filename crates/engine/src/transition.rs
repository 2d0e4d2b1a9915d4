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
    /// Its run ended badly.
    Fail,
    /// Its run did not end within its limit.
    Expire,
}

impl Step {
    /// Every step.
    pub const ALL: &[Self] = &[
        Self::Promote,
        Self::Claim,
        Self::TakeOver,
        Self::HandBack,
        Self::Succeed,
        Self::Fail,
        Self::Expire,
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
    use SubtaskStatus::{Failed, Pending, Ready, Running, Successful};
    Ok(match (from, step) {
        (Pending, Step::Promote) => Ready,
        (Ready, Step::Claim) => Running,
        (Running, Step::TakeOver) => Running,
        (Running, Step::HandBack) => Ready,
        (Running, Step::Succeed) => Successful,
        (Running, Step::Fail | Step::Expire) => Failed,
        _ => return Err(Illegal { from, step }),
    })
}
