//! What a look at a base directory finds.

use std::fmt;

use super::identity::Process;
use super::ports::PortHolder;

/// What a look at a base directory found. `Display` is its line in a log.
#[derive(Clone, Debug)]
pub enum Finding {
    /// No server of this base directory runs; proven.
    None,
    /// Exactly one does.
    One(Box<Process>),
    /// None does, but a port of the server is held by something else.
    ///
    /// Before anything was done to this server that speaks for a wrong `base_dir`, and so against
    /// "none".
    Foreign(PortHolder),
    /// Several do: each may have acknowledged writes that the others do not know.
    Multiple(Vec<Process>),
    /// It could not be told.
    Unknown {
        /// Why, and what to do about it.
        reason: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no server runs: record lock free, ports free"),
            Self::One(process) => write!(f, "one server runs: {process}"),
            Self::Foreign(holder) => write!(f, "no server runs: record lock free; but {holder}"),
            Self::Multiple(processes) => write!(
                f,
                "{} servers run at once: {}",
                processes.len(),
                list(processes)
            ),
            Self::Unknown { reason } => write!(f, "cannot tell whether a server runs: {reason}"),
        }
    }
}

/// All processes on one line.
pub(super) fn list(processes: &[Process]) -> String {
    processes
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
