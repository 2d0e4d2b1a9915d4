//! What must never happen, and the mistakes by which it would.

use std::fmt;

/// What the protocol promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Promise {
    FencedOutSendsNothing,
    SupersededSendsNothing,
    NothingIsSentTwice,
    LaterStartIsNotKilled,
    OnlyThePresentRunEnds,
    EpochsGrow,
    StoppedWasSeen,
    RunningIsLeftRunning,
    ExecutorsFailNothing,
    EndsAreReached,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FencedOutSendsNothing => "a run sends nothing once a higher fence was raised",
            Self::SupersededSendsNothing => {
                "a run sends nothing once another one has taken its place in the database"
            }
            Self::NothingIsSentTwice => "a signal that may do harm the second time is sent once",
            Self::LaterStartIsNotKilled => {
                "no run ends a process that a later one started or wants to run"
            }
            Self::OnlyThePresentRunEnds => "a subtask ends by its present run: once for each epoch",
            Self::EpochsGrow => "each run of a subtask has a higher epoch than the one before",
            Self::StoppedWasSeen => "STOPPED is written of a process that was seen to be gone",
            Self::RunningIsLeftRunning => {
                "a start, or a stop that was rolled back, ends well only with a server that runs"
            }
            Self::ExecutorsFailNothing => "what befalls executors alone fails no task",
            Self::EndsAreReached => "wherever one is, an end can be reached",
        })
    }
}

/// A way to get the protocol wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// The host compares no fence.
    NoFence,
    /// The fence is raised after the takeover is committed.
    FenceLast,
    /// An overdue run is ended by somebody else without a fence.
    ExpireUnfenced,
    /// A run that finds itself fenced out fails its subtask.
    FencedOutFails,
    /// The guard of an outcome does not name the epoch.
    NoEpoch,
    /// Signals are not noted on the host.
    NoNote,
    /// A start takes a process that got a signal for a server that runs.
    StartTrusts,
    /// An executor does not compare the rows that name it with what it runs.
    NeverCompares,
}
