//! What a subtask's end means for the server that it worked on.

use super::{Observation, Outcome};
use crate::{kind::SubtaskKind, status::ResourceStatus};

/// The server's new status and its reason; `None` where the end of such a subtask says nothing about it.
///
/// STOPPED comes only from a fresh look that found the process gone. A server that could not be seen is
/// UNAVAILABLE, never assumed to be stopped.
pub(super) fn on_server(kind: SubtaskKind, outcome: &Outcome) -> Option<(ResourceStatus, String)> {
    let touches_server = matches!(
        kind,
        SubtaskKind::PrepareStopObserver
            | SubtaskKind::StopObserverProcess
            | SubtaskKind::UpdateObserverStatus
    );
    if !touches_server {
        return None;
    }
    match (&outcome.result, outcome.observed) {
        (Ok(()), _) if kind == SubtaskKind::PrepareStopObserver => {
            Some((ResourceStatus::Stopping, String::new()))
        }
        (Ok(()), observed) if kind == SubtaskKind::UpdateObserverStatus => Some(match observed {
            Some(Observation::Gone) => (ResourceStatus::Stopped, String::new()),
            Some(Observation::Alive) => (ResourceStatus::Running, "seen running".to_owned()),
            Some(Observation::Unknown) | None => {
                (ResourceStatus::Unavailable, "could not be seen".to_owned())
            }
        }),
        (Ok(()), _) | (Err(_), Some(Observation::Gone)) => None,
        (Err(failure), Some(Observation::Alive)) => {
            Some((ResourceStatus::Running, failure.reason.clone()))
        }
        (Err(failure), Some(Observation::Unknown) | None) => {
            Some((ResourceStatus::Unavailable, failure.reason.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commit::{Failure, Observation::*},
        status::ResourceStatus::*,
    };

    /// For an outcome's (success?, observation): the server's new status after each of the three kinds that
    /// touch a server, in the order of the graph.
    #[rustfmt::skip]
    const TABLE: [(bool, Option<Observation>, [Option<ResourceStatus>; 3]); 8] = [
        (true,  Some(Gone),    [Some(Stopping),    None,              Some(Stopped)]),
        (true,  Some(Alive),   [Some(Stopping),    None,              Some(Running)]),
        (true,  Some(Unknown), [Some(Stopping),    None,              Some(Unavailable)]),
        (true,  None,          [Some(Stopping),    None,              Some(Unavailable)]),
        (false, Some(Gone),    [None,              None,              None]),
        (false, Some(Alive),   [Some(Running),     Some(Running),     Some(Running)]),
        (false, Some(Unknown), [Some(Unavailable), Some(Unavailable), Some(Unavailable)]),
        (false, None,          [Some(Unavailable), Some(Unavailable), Some(Unavailable)]),
    ];

    const KINDS: [SubtaskKind; 3] = [
        SubtaskKind::PrepareStopObserver,
        SubtaskKind::StopObserverProcess,
        SubtaskKind::UpdateObserverStatus,
    ];

    #[test]
    fn every_end_means_for_the_server_what_the_table_says() {
        for (succeeded, observed, statuses) in TABLE {
            let failure = Failure {
                reason: "no answer".to_owned(),
                expired: false,
            };
            let outcome = Outcome {
                result: if succeeded { Ok(()) } else { Err(failure) },
                observed,
            };
            for (kind, status) in KINDS.into_iter().zip(statuses) {
                let (became, reason) = on_server(kind, &outcome).unzip();
                assert_eq!(became, status, "{kind:?} {outcome:?}");
                // Whatever is not as the task wants it comes with a reason.
                let as_wanted = matches!(status, None | Some(Stopping | Stopped));
                assert_eq!(
                    reason.unwrap_or_default().is_empty(),
                    as_wanted,
                    "{kind:?} {outcome:?}"
                );
            }
            for &kind in SubtaskKind::ALL.iter().filter(|k| !KINDS.contains(k)) {
                assert_eq!(on_server(kind, &outcome), None, "{kind:?}");
            }
        }
    }
}
