//! Whether a `STOP SERVER` or `STOP ZONE` of a subtask may still take effect, though none of its runs waits for it.
//!
//! The kernel tries for a while whether it may do so, and goes on with that when the one who asked has hung up.

use slacktide_engine::{
    revision::Changed,
    status::{Operation, SubtaskStatus},
    subtask::SubtaskState,
};
use slacktide_store::StoreError;

use crate::{run::Context, sql};

/// Asks the history of the subtask whose run this is. One that cannot be read may hide anything.
pub(super) async fn may_come(context: &Context<'_>) -> bool {
    match forward_states(context).await {
        Ok(states) => is_open(&states),
        Err(error) => {
            context
                .log
                .line(format!("the task's history cannot be read: {error}"));
            true
        }
    }
}

/// Each state of the subtask before it was rolled back, oldest first.
async fn forward_states(context: &Context<'_>) -> Result<Vec<SubtaskState>, StoreError> {
    let subtask = &context.assignment.subtask;
    let (mut states, mut seen) = (Vec::new(), 0);
    loop {
        let page = context.worker.store().revisions(subtask.task, seen).await?;
        let Some(last) = page.last() else {
            return Ok(states);
        };
        seen = last.number;
        states.extend(page.into_iter().filter_map(|revision| match revision.what {
            Changed::Subtask(id, state)
                if id == subtask.id && state.operation != Operation::Rollback =>
            {
                Some(state)
            }
            _ => None,
        }));
    }
}

/// Whether a run began since the kernel last gave its word. A skip is nobody's word but the operator's.
fn is_open(states: &[SubtaskState]) -> bool {
    states.iter().fold(false, |open, state| {
        match (state.status, state.operation, state.code) {
            (SubtaskStatus::Running, ..) => true,
            (SubtaskStatus::Successful, Operation::Execute | Operation::Retry, _) => false,
            (SubtaskStatus::Failed, _, Some(code)) if sql::is_refusal(code) => false,
            _ => open,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: SubtaskStatus, operation: Operation, code: Option<i32>) -> SubtaskState {
        SubtaskState {
            status,
            operation,
            code,
            ..SubtaskState::initial()
        }
    }

    #[test]
    fn only_the_word_of_the_kernel_ends_a_stop() {
        use Operation::{Cancel, Execute, Retry, Skip};
        use SubtaskStatus::{Canceling, Failed, Ready, Running, Successful};
        let run = state(Running, Execute, None);
        let done = state(Successful, Execute, None);
        let refused = state(Failed, Execute, Some(4179));
        let canceled = [
            run.clone(),
            state(Canceling, Cancel, None),
            state(Failed, Cancel, None),
        ];
        assert!(!is_open(&[]));
        assert!(!is_open(&[run.clone(), done.clone()]));
        assert!(!is_open(&[run.clone(), refused]));

        assert!(is_open(&canceled));
        let unanswered = state(Failed, Execute, None);
        let denied = state(Failed, Execute, Some(1045));
        assert!(is_open(&[run.clone(), unanswered]) && is_open(&[run.clone(), denied]));
        assert!(is_open(&[run.clone(), state(Ready, Execute, None)]));
        let [began, canceling, failed] = canceled;
        let skipped = [
            began.clone(),
            canceling.clone(),
            failed.clone(),
            state(Successful, Skip, None),
        ];
        assert!(is_open(&skipped));
        let retried = [
            began,
            canceling,
            failed,
            state(Running, Retry, None),
            state(Successful, Retry, None),
        ];
        assert!(!is_open(&retried));
    }
}
