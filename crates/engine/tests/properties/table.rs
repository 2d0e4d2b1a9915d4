//! The transition table, written out a second time.

use slacktide_engine::{
    status::SubtaskStatus::{self, Canceling, Failed, Pending, Ready, Running, Successful},
    transition::{Illegal, Step, next},
};

/// What may become of a status, and by which step. Whatever is not here must be refused.
#[rustfmt::skip]
const TABLE: [(SubtaskStatus, &[(Step, SubtaskStatus)]); 6] = [
    (Pending,    &[(Step::Promote, Ready)]),
    (Ready,      &[(Step::Claim, Running), (Step::Drop, Failed)]),
    (Running,    &[(Step::TakeOver, Running), (Step::HandBack, Ready), (Step::Defer, Ready),
                   (Step::Succeed, Successful), (Step::Undo, Pending),
                   (Step::Fail, Failed), (Step::Expire, Failed), (Step::Cancel, Canceling)]),
    (Canceling,  &[(Step::TakeOver, Canceling), (Step::Fail, Failed), (Step::Expire, Failed)]),
    (Failed,     &[(Step::Retry, Ready), (Step::Skip, Ready), (Step::RollBack, Ready)]),
    (Successful, &[(Step::RollBack, Ready)]),
];

/// Every step, so that a new one is not forgotten here.
const STEPS: [Step; 14] = [
    Step::Promote,
    Step::Claim,
    Step::TakeOver,
    Step::HandBack,
    Step::Succeed,
    Step::Undo,
    Step::Defer,
    Step::Fail,
    Step::Expire,
    Step::Cancel,
    Step::Drop,
    Step::Retry,
    Step::Skip,
    Step::RollBack,
];

#[test]
fn every_pair_of_status_and_step_goes_where_the_table_says() {
    assert_eq!(Step::ALL, STEPS);
    assert_eq!(SubtaskStatus::ALL, TABLE.map(|(from, _)| from));
    for (from, row) in TABLE {
        for step in STEPS {
            let to = row.iter().find(|(by, _)| *by == step).map(|(_, to)| *to);
            let expected = to.ok_or(Illegal { from, step });
            assert_eq!(next(from, step), expected, "{from} {step:?}");
        }
    }
}

#[test]
fn an_illegal_step_is_named_with_the_status_that_lacks_it() {
    let illegal = next(Successful, Step::Claim).unwrap_err();
    assert_eq!(
        illegal.to_string(),
        "a SUCCESSFUL subtask has no step Claim"
    );
}
