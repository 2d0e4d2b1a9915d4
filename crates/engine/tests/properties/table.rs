//! The transition table, written out a second time.

use slacktide_engine::{
    status::SubtaskStatus::{self, Canceling, Failed, Pending, Ready, Running, Successful},
    transition::{Illegal, Step, next},
};

/// A row a status, a column a step, in this order.
const STEPS: [Step; 7] = [
    Step::Promote,
    Step::Claim,
    Step::TakeOver,
    Step::HandBack,
    Step::Succeed,
    Step::Fail,
    Step::Expire,
];

type Row = (SubtaskStatus, [Option<SubtaskStatus>; STEPS.len()]);

#[rustfmt::skip]
const TABLE: [Row; 6] = [
    //            promote      claim          take over      hand back    succeed           fail          expire
    (Pending,    [Some(Ready), None,          None,          None,        None,             None,         None]),
    (Ready,      [None,        Some(Running), None,          None,        None,             None,         None]),
    (Running,    [None,        None,          Some(Running), Some(Ready), Some(Successful), Some(Failed), Some(Failed)]),
    (Canceling,  [None,        None,          None,          None,        None,             None,         None]),
    (Failed,     [None,        None,          None,          None,        None,             None,         None]),
    (Successful, [None,        None,          None,          None,        None,             None,         None]),
];

#[test]
fn every_pair_of_status_and_step_goes_where_the_table_says() {
    assert_eq!(Step::ALL, STEPS);
    assert_eq!(SubtaskStatus::ALL, TABLE.map(|(from, _)| from));
    for (from, row) in TABLE {
        for (step, to) in STEPS.into_iter().zip(row) {
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
