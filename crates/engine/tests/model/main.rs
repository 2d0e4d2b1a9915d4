//! The lease and fencing protocol, walked over all interleavings: two executors, one server, and whatever may go
//! wrong with them, each so many times.
//!
//! The database half is the real engine: every commit is [`slacktide_engine::commit::advance`] on rows, one step
//! each, since a transaction begins with the lock on its task. The other half says what executors and the process
//! driver have to do with the host's file and the process, in steps between which anybody may be halted,
//! interrupted or killed. A pause needs no step of its own: an executor that takes none while others do is paused.
//!
//! What the model does not have: time. Waits and leases may end at any moment, which is more than clocks and the
//! counters of leases allow; so no promise rests on either. Nor versions of rows: they guard against changes between
//! reading and writing, which here is one step.
//!
//! A walk ends with a shortest way to a broken promise, or with none. That it can find one is tested, too, with
//! protocols that have one mistake each.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which the allowance for test functions does not reach"
)]

mod act;
mod cluster;
mod database;
mod executor;
mod explore;
mod host;
mod promise;
mod protocol;
mod rows;
mod signal;
mod state;

use explore::explore;
use promise::{Mistake, Promise};
use protocol::Fencing;
use state::Chances;

/// Nothing happens but what was asked for.
const NOTHING: Chances = Chances {
    pauses: 0,
    crashes: 0,
    answers: 0,
    deadlines: 0,
    overdue: 0,
    strangers: 0,
    commands: 0,
    rollbacks: 0,
    starts: 0,
};

fn holds(chances: Chances) {
    let walk = explore(&Fencing::new(chances));
    assert!(walk.counterexample.is_none(), "{:?}", walk.counterexample);
    assert!(walk.ends > 0 && walk.ends < walk.states);
}

#[test]
fn executors_may_pause_and_crash_and_get_no_answer() {
    holds(Chances {
        pauses: 1,
        crashes: 1,
        answers: 1,
        ..NOTHING
    });
}

#[test]
fn somebody_else_may_start_the_server() {
    holds(Chances {
        pauses: 1,
        crashes: 1,
        strangers: 1,
        ..NOTHING
    });
}

#[test]
fn an_executor_may_wake_after_a_rollback() {
    holds(Chances {
        pauses: 1,
        deadlines: 1,
        rollbacks: 1,
        ..NOTHING
    });
}

#[test]
fn an_executor_may_wake_during_a_later_operation() {
    holds(Chances {
        pauses: 1,
        crashes: 1,
        starts: 1,
        ..NOTHING
    });
}

#[test]
fn operators_may_cancel_retry_skip_and_roll_back() {
    holds(Chances {
        commands: 3,
        rollbacks: 1,
        ..NOTHING
    });
}

#[test]
fn runs_may_be_late_and_executors_crash_while_operators_act() {
    holds(Chances {
        crashes: 1,
        deadlines: 1,
        overdue: 1,
        commands: 1,
        ..NOTHING
    });
    holds(Chances {
        crashes: 1,
        deadlines: 1,
        commands: 1,
        rollbacks: 1,
        ..NOTHING
    });
    holds(Chances {
        crashes: 1,
        overdue: 1,
        rollbacks: 1,
        ..NOTHING
    });
}

#[test]
#[ignore = "over a million states: a minute"]
fn more_may_happen_at_once() {
    let pause = Chances {
        pauses: 1,
        ..NOTHING
    };
    holds(Chances {
        commands: 1,
        rollbacks: 1,
        ..pause
    });
    holds(Chances {
        overdue: 1,
        rollbacks: 1,
        ..pause
    });
    holds(Chances {
        crashes: 1,
        deadlines: 1,
        rollbacks: 1,
        ..pause
    });
    holds(Chances {
        pauses: 2,
        crashes: 1,
        answers: 1,
        ..NOTHING
    });
    holds(Chances {
        crashes: 1,
        deadlines: 1,
        overdue: 1,
        commands: 1,
        starts: 1,
        ..NOTHING
    });
}

/// A protocol with this mistake breaks this promise, given these chances.
fn breaks(mistake: Mistake, promise: Promise, chances: Chances) {
    let mut fencing = Fencing::new(chances);
    fencing.only = Some(promise);
    fencing.mistake = Some(mistake);
    let found = explore(&fencing).counterexample;
    let promises = found.as_ref().map(|found| found.promise);
    assert_eq!(promises, Some(promise), "{mistake:?}");
}

const PAUSE: Chances = Chances {
    pauses: 1,
    ..NOTHING
};

#[test]
fn without_a_fence_an_executor_that_wakes_does_harm() {
    use Promise::*;
    breaks(Mistake::NoFence, FencedOutSendsNothing, PAUSE);
    breaks(Mistake::NoFence, SupersededSendsNothing, PAUSE);
    let rolled_back = Chances {
        deadlines: 1,
        rollbacks: 1,
        ..PAUSE
    };
    breaks(Mistake::NoFence, LaterStartIsNotKilled, rolled_back);
}

#[test]
fn a_fence_that_is_raised_late_or_not_for_all_is_too_little() {
    use Promise::*;
    breaks(Mistake::FenceLast, SupersededSendsNothing, PAUSE);
    let overdue = Chances {
        overdue: 1,
        ..NOTHING
    };
    breaks(Mistake::ExpireUnfenced, SupersededSendsNothing, overdue);
}

#[test]
fn a_run_that_is_fenced_out_must_not_fail_its_subtask() {
    breaks(
        Mistake::FencedOutFails,
        Promise::ExecutorsFailNothing,
        PAUSE,
    );
}

#[test]
fn without_epochs_a_late_outcome_is_taken_for_a_present_one() {
    breaks(Mistake::NoEpoch, Promise::OnlyThePresentRunEnds, PAUSE);
}

#[test]
fn without_notes_a_signal_is_sent_twice() {
    breaks(Mistake::NoNote, Promise::NothingIsSentTwice, PAUSE);
}

#[test]
fn a_start_must_know_that_the_process_it_finds_got_a_signal() {
    let canceled = Chances {
        commands: 1,
        rollbacks: 1,
        ..NOTHING
    };
    breaks(
        Mistake::StartTrusts,
        Promise::RunningIsLeftRunning,
        canceled,
    );
}

#[test]
fn an_executor_must_look_for_what_it_does_not_know_it_claimed() {
    let unanswered = Chances {
        answers: 1,
        ..NOTHING
    };
    breaks(Mistake::NeverCompares, Promise::EndsAreReached, unanswered);
}
