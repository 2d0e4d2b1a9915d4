//! What is worth knowing of a subtask beside its status.

use slacktide_api::v1::{Operation, Subtask};

use super::super::text::Word;

/// What led to the status, unless that is plain execution, and which run it is: `RETRY, run 2`.
pub(super) fn of(subtask: &Subtask) -> Vec<String> {
    let mut notes = Vec::new();
    match subtask.operation() {
        Operation::Execute | Operation::Unspecified => {}
        operation => notes.push(operation.word().to_owned()),
    }
    if subtask.run_time > 1 {
        notes.push(format!("run {}", subtask.run_time));
    }
    notes
}
