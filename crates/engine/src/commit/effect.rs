//! What a subtask's end means for the server and the zone that it worked on.

use super::{Observation, Outcome};
use crate::{
    kind::SubtaskKind,
    status::{Extent, Goal, Operation, ResourceStatus},
};

/// The end of a run, as far as it may touch a status.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    pub(super) kind: SubtaskKind,
    pub(super) goal: Goal,
    pub(super) operation: Operation,
    /// Whether the task is undone rather than done.
    pub(super) rollback: bool,
}

/// Whether a run of this kind looks at its server, so that its end says something about it.
pub(super) fn looks(kind: SubtaskKind) -> bool {
    prepares(kind)
        || matches!(
            kind,
            SubtaskKind::StopObserverProcess
                | SubtaskKind::WaitObserverStop
                | SubtaskKind::StartObserverProcess
                | SubtaskKind::UpdateObserverStatus
        )
}

fn prepares(kind: SubtaskKind) -> bool {
    matches!(
        kind,
        SubtaskKind::PrepareStopObserver
            | SubtaskKind::PrepareStartObserver
            | SubtaskKind::PrepareRestartObserver
    )
}

/// The server's new status and its reason; `None` where the end of such a subtask says nothing about it.
///
/// STOPPED comes only from a fresh look that found the process gone. A server that could not be seen is
/// UNAVAILABLE, never assumed to be stopped.
pub(super) fn on_server(touch: Touch, outcome: &Outcome) -> Option<(ResourceStatus, String)> {
    if !looks(touch.kind) {
        return None;
    }
    let reason = match &outcome.result {
        Err(failure) => failure.reason.clone(),
        Ok(()) if touch.operation == Operation::Skip => {
            "passed over on an operator's word".to_owned()
        }
        Ok(()) if touch.rollback => String::new(),
        Ok(()) => return on_success(touch, outcome.observed),
    };
    Some(match outcome.observed {
        Some(Observation::Alive) => (ResourceStatus::Running, reason),
        // A rollback of a stop wants it back.
        Some(Observation::Gone) if touch.rollback && touch.goal != Goal::Start => (
            ResourceStatus::Unavailable,
            or(reason, "its process is gone"),
        ),
        Some(Observation::Gone) => (ResourceStatus::Stopped, reason),
        Some(Observation::Unknown) | None => {
            (ResourceStatus::Unavailable, or(reason, "could not be seen"))
        }
    })
}

/// What a run on the way forward says that did what it was to do.
fn on_success(touch: Touch, observed: Option<Observation>) -> Option<(ResourceStatus, String)> {
    let (kind, goal) = (touch.kind, touch.goal);
    if prepares(kind) {
        return Some((goal.under_way(), String::new()));
    }
    match (kind, observed) {
        (SubtaskKind::StopObserverProcess, Some(Observation::Gone)) if goal == Goal::Stop => {
            Some((ResourceStatus::Stopped, String::new()))
        }
        (SubtaskKind::UpdateObserverStatus, observed) => Some(match observed {
            Some(Observation::Gone) => (ResourceStatus::Stopped, String::new()),
            Some(Observation::Alive) => (ResourceStatus::Running, String::new()),
            Some(Observation::Unknown) | None => {
                (ResourceStatus::Unavailable, "could not be seen".to_owned())
            }
        }),
        _ => None,
    }
}

/// The zone's new status, where the end of such a subtask says something about it.
pub(super) fn on_zone(touch: Touch, extent: Extent, outcome: &Outcome) -> Option<ResourceStatus> {
    if touch.rollback || outcome.result.is_err() {
        return None;
    }
    match touch.kind {
        SubtaskKind::PrepareStopObZone
        | SubtaskKind::PrepareStartObZone
        | SubtaskKind::PrepareRestartObZone => Some(touch.goal.under_way()),
        kind if prepares(kind) && extent == Extent::Server => Some(ResourceStatus::Operating),
        _ => None,
    }
}

fn or(reason: String, otherwise: &str) -> String {
    match reason.is_empty() {
        true => otherwise.to_owned(),
        false => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commit::{Failure, Observation::*},
        status::ResourceStatus::*,
    };

    const KINDS: [SubtaskKind; 3] = [
        SubtaskKind::PrepareStopObserver,
        SubtaskKind::StopObserverProcess,
        SubtaskKind::UpdateObserverStatus,
    ];

    type Statuses = [Option<ResourceStatus>; 3];

    /// For an outcome's (success?, observation): the server's new status after each of the three kinds of a stop
    /// that look, in the order of the graph: on the way forward, and on the way back.
    #[rustfmt::skip]
    const TABLE: [(bool, Option<Observation>, Statuses, Statuses); 8] = [
        (true,  Some(Gone),    [Some(Stopping),    Some(Stopped),     Some(Stopped)],     [Some(Unavailable); 3]),
        (true,  Some(Alive),   [Some(Stopping),    None,              Some(Running)],     [Some(Running); 3]),
        (true,  Some(Unknown), [Some(Stopping),    None,              Some(Unavailable)], [Some(Unavailable); 3]),
        (true,  None,          [Some(Stopping),    None,              Some(Unavailable)], [Some(Unavailable); 3]),
        (false, Some(Gone),    [Some(Stopped),     Some(Stopped),     Some(Stopped)],     [Some(Unavailable); 3]),
        (false, Some(Alive),   [Some(Running),     Some(Running),     Some(Running)],     [Some(Running); 3]),
        (false, Some(Unknown), [Some(Unavailable), Some(Unavailable), Some(Unavailable)], [Some(Unavailable); 3]),
        (false, None,          [Some(Unavailable), Some(Unavailable), Some(Unavailable)], [Some(Unavailable); 3]),
    ];

    fn outcome(succeeded: bool, observed: Option<Observation>) -> Outcome {
        let result = match succeeded {
            true => Ok(()),
            false => Err(Failure::new("no answer")),
        };
        Outcome { result, observed }
    }

    fn touch(kind: SubtaskKind, goal: Goal, operation: Operation) -> Touch {
        let rollback = operation == Operation::Rollback;
        Touch {
            kind,
            goal,
            operation,
            rollback,
        }
    }

    #[test]
    fn every_end_means_for_the_server_what_the_table_says() {
        for (succeeded, observed, forward, back) in TABLE {
            let outcome = outcome(succeeded, observed);
            for (operation, statuses) in
                [(Operation::Execute, forward), (Operation::Rollback, back)]
            {
                for (kind, status) in KINDS.into_iter().zip(statuses) {
                    let (became, reason) =
                        on_server(touch(kind, Goal::Stop, operation), &outcome).unzip();
                    assert_eq!(became, status, "{kind:?} {operation} {outcome:?}");
                    // What cannot be told or went wrong comes with a reason.
                    if status == Some(Unavailable) || (status.is_some() && !succeeded) {
                        assert_ne!(reason.unwrap_or_default(), "", "{kind:?} {outcome:?}");
                    }
                }
            }
            for &kind in SubtaskKind::ALL.iter().filter(|kind| !looks(**kind)) {
                let touch = touch(kind, Goal::Stop, Operation::Execute);
                assert_eq!(on_server(touch, &outcome), None, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_skip_says_what_is_seen() {
        for (observed, status) in [
            (Some(Alive), Running),
            (Some(Gone), Stopped),
            (Some(Unknown), Unavailable),
            (None, Unavailable),
        ] {
            for kind in KINDS {
                let skip = touch(kind, Goal::Stop, Operation::Skip);
                let became = on_server(skip, &outcome(true, observed));
                assert_eq!(became.unwrap().0, status, "{kind:?}");
            }
        }
    }

    #[test]
    fn stopped_comes_only_from_a_look_that_found_the_process_gone() {
        for &kind in SubtaskKind::ALL {
            for goal in [Goal::Stop, Goal::Start, Goal::Restart] {
                for &operation in Operation::ALL {
                    for observed in [Some(Alive), Some(Unknown), None] {
                        for succeeded in [true, false] {
                            let ended = outcome(succeeded, observed);
                            let became = on_server(touch(kind, goal, operation), &ended);
                            assert_ne!(became.map(|(status, _)| status), Some(Stopped));
                        }
                    }
                }
            }
        }
    }
}
