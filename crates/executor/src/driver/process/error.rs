//! What keeps the driver from its work, in words for the one who must act on it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use slacktide_engine::fence::Fence;

use super::finding::list;
use super::identity::{Identity, Parent, Process};
use super::ladder::Signal;
use super::ports::PortHolder;
use crate::run_log::RunLost;

/// The fence of a base directory could not be read or raised.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// Another process of this host holds the lock for far longer than a signal takes.
    #[error(
        "cannot lock {} within {} ms: {holder} holds it; see whether that process hangs or was halted, end it, and retry",
        path.display(), wait.as_millis()
    )]
    LockTimeout {
        /// The file that is locked.
        path: PathBuf,
        /// How long was waited.
        wait: Duration,
        /// The process that holds it, as far as it can be told.
        holder: String,
    },
    /// The state file cannot be understood, so no signal can be judged allowed.
    #[error("state file {} is damaged: {source}; remove it while no executor runs on this host, then retry", path.display())]
    Damaged {
        /// The state file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file could not be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// This executor cannot look after the base directory.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The state of the server cannot be told, for want of a right or of the directory itself.
    #[error("{reason}")]
    Unknown {
        /// Why, and what to do about it.
        reason: String,
    },
    /// A port of the server belongs to something else: the base directory is probably not this
    /// server's.
    #[error("{0}, but no server of the base directory runs: correct base_dir or the ports")]
    Foreign(PortHolder),
    /// Processes of that user cannot be signalled.
    #[error(
        "this executor runs as uid {own} and may not signal processes of uid {owner}, the server's user: run it as that user or as root"
    )]
    MayNotSignal {
        /// Effective user of this executor.
        own: u32,
        /// Owner of the server.
        owner: u32,
    },
    /// The kernel cannot name a process by a file descriptor.
    #[error(
        "the kernel has no pidfd: {source}; Linux 5.3 or later is needed to signal a server safely"
    )]
    NoPidfd {
        /// What the kernel answered.
        source: io::Error,
    },
    /// The driver's own files cannot be used.
    #[error(transparent)]
    State(#[from] FenceError),
}

/// A server of the base directory that is not the one to be stopped.
#[derive(Debug)]
pub struct Restart {
    /// The process that runs now.
    pub process: Process,
    /// The one that was to be stopped, if one was running then.
    pub expected: Option<Identity>,
}

impl Restart {
    fn parent(&self) -> &Parent {
        &self.process.parent
    }

    fn expected(&self) -> String {
        self.expected.as_ref().map_or_else(
            || "which was down".to_owned(),
            |identity| format!("which was {identity}"),
        )
    }
}

/// The server was not stopped, or not for certain.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// Something else started the server again. The new process received no signal.
    #[error(
        "the server, {}, was started again by something else: {} runs, parent {}; stop what starts it, end that process, then retry",
        .0.expected(), .0.process, .0.parent()
    )]
    Restarted(Box<Restart>),
    /// A port of the server belongs to something else, so the base directory may be another
    /// server's.
    #[error(
        "{0}, but no server of the base directory runs: correct base_dir or the ports, or end that process, then retry"
    )]
    Foreign(PortHolder),
    /// More than one server has the base directory open. None received a signal.
    #[error("{} servers have the base directory open at once: {}; decide by hand which one to keep, end the others, then retry", .0.len(), list(.0))]
    Multiple(Vec<Process>),
    /// It cannot be told whether the server runs.
    #[error("cannot tell whether the server runs: {reason}")]
    Unknown {
        /// Why, and what to do about it.
        reason: String,
    },
    /// A systemd unit would start the server again. It received no signal.
    #[error(
        "{identity} is the main process of the systemd unit {unit}, which would start it again: run `systemctl stop {unit}`, then retry"
    )]
    OwnedBySystemd {
        /// The unit.
        unit: String,
        /// The server.
        identity: Identity,
    },
    /// A later run or a later operation has this server now.
    #[error(
        "a later run has this server: this one is generation {}, epoch {}, the host holds generation {}, epoch {}; no signal was sent; \
         if the database was made anew since, remove the state file of this directory while no executor runs on this host, \
         then retry",
        own.generation, own.epoch, held.generation, held.epoch
    )]
    Fenced {
        /// This run's fence.
        own: Fence,
        /// The highest that the host has seen.
        held: Fence,
    },
    /// The fence could not be compared, so no signal was sent.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// The process outlived the last signal.
    #[error(
        "{identity} outlived {signal}: state {state}, waits in {wchan}; it hangs in the kernel, see its disks and dmesg, then retry"
    )]
    StillAlive {
        /// The process.
        identity: Identity,
        /// The last signal.
        signal: Signal,
        /// The process state as in `/proc/PID/stat`; D is an uninterruptible wait.
        state: char,
        /// The kernel function in which it waits, or `?`.
        wchan: String,
    },
    /// The kernel refused to send a signal.
    #[error(
        "cannot send {signal} to {identity}: {source}; run the executor as the server's user or as root"
    )]
    Refused {
        /// The process.
        identity: Identity,
        /// The signal that was not sent.
        signal: Signal,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The kernel gave no handle for the process.
    #[error(
        "cannot get a handle of {identity}: {source}; Linux 5.3 or later is needed to signal a server safely"
    )]
    NoHandle {
        /// The process.
        identity: Identity,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The run belongs to somebody else. No further signal was sent.
    #[error(transparent)]
    RunLost(#[from] RunLost),
    /// The stop was canceled. No further signal was sent; one sent before may still end the server.
    #[error("the stop was canceled{}", .sent.map(|signal| format!(" after {signal} was sent; the server may still end")).unwrap_or_default())]
    Canceled {
        /// The last signal that was sent, as far as this run came to know.
        sent: Option<Signal>,
    },
}

impl FenceError {
    /// Whether the same attempt may succeed later by itself: where another process of this host was slow.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::LockTimeout { .. })
    }
}

impl StopError {
    /// Whether the same attempt may succeed later by itself.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Fence(error) if error.is_transient())
    }
}
