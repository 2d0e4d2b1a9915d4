//! What keeps a server from being started, in words for the one who must act on it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use slacktide_engine::fence::Fence;

use super::error::FenceError;
use super::finding::list;
use super::identity::{Identity, Process};
use super::ladder::Signal;
use super::last_words::LastWords;
use super::ports::PortHolder;
use crate::run_log::RunLost;

/// The server was not started, or did not stay.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port that the server needs belongs to something else. Nothing was started.
    #[error("{0}: end that process, or correct base_dir or the ports, then retry")]
    PortTaken(PortHolder),
    /// More than one server has the base directory open.
    #[error("{} servers have the base directory open at once: {}; decide by hand which one to keep, end the others, then retry", .0.len(), list(.0))]
    Multiple(Vec<Process>),
    /// It cannot be told whether the server runs.
    #[error("cannot tell whether the server runs: {reason}")]
    Unknown {
        /// Why, and what to do about it.
        reason: String,
    },
    /// The directory holds no database. Starting one would set up a new, empty one.
    #[error(
        "base directory {} holds no configuration in etc/ that a server could be started from: check that its disk is mounted; \
         a new server is set up by hand",
        base_dir.display()
    )]
    NotSetUp {
        /// The base directory.
        base_dir: PathBuf,
    },
    /// The server's program is not there.
    #[error("{}", no_program(base_dir, saved.as_ref()))]
    NoProgram {
        /// The base directory.
        base_dir: PathBuf,
        /// The program with which the server ran before, if that is known.
        saved: Option<PathBuf>,
    },
    /// The server's files belong to a user that this executor cannot become.
    #[error(
        "this executor runs as uid {own} and cannot start a server of uid {owner}: run it as that user or as root"
    )]
    WrongUser {
        /// Effective user of this executor.
        own: u32,
        /// Owner of the server's files.
        owner: u32,
    },
    /// A later run or a later operation has this server now.
    #[error(
        "a later run has this server: this one is generation {}, epoch {}, the host holds generation {}, epoch {}; nothing was started; \
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
    /// The server got a signal that was to end it and lives: it may still end.
    #[error(
        "{identity} got {signal} earlier and has not ended, though that signal's time is up: it may still end, so it does not \
         count as started; end it by hand and try again, or skip the subtask if the server is to go on"
    )]
    Signalled {
        /// The server.
        identity: Identity,
        /// The last signal that was noted for it.
        signal: Signal,
    },
    /// The fence could not be compared or the start not noted, so nothing was started.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// The program could not be run.
    #[error("cannot run {}: {source}", exe.display())]
    Spawn {
        /// The program.
        exe: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The server's data is damaged (OceanBase's error -4070). No retry helps.
    #[error(
        "the server ended {} ms after its start because its data is damaged (-4070): {words}; restore it from a backup or rebuild the replica",
        after.as_millis()
    )]
    DataDamaged {
        /// How long it lived.
        after: Duration,
        /// The last errors that it wrote.
        words: LastWords,
    },
    /// The server ended soon after its start.
    #[error("the server ended {} ms after its start: {words}", after.as_millis())]
    Ended {
        /// How long it lived.
        after: Duration,
        /// The last errors that it wrote.
        words: LastWords,
    },
    /// The program runs and has not taken the record lock: it is no server yet, or hangs.
    #[error(
        "the server did not take its record lock within {} s: {doubt}; see its log, end it by hand if it hangs, then retry",
        limit.as_secs()
    )]
    NoLock {
        /// How long was waited.
        limit: Duration,
        /// What was found instead.
        doubt: String,
    },
    /// The run belongs to somebody else. Nothing was started by it.
    #[error(transparent)]
    RunLost(#[from] RunLost),
    /// The start was canceled; what had been started goes on.
    #[error("the start was canceled{}", .started.as_ref().map(|identity| format!("; {identity} was started and goes on")).unwrap_or_default())]
    Canceled {
        /// The server, where it had been started.
        started: Option<Identity>,
    },
}

impl StartError {
    /// Whether the same attempt may succeed later by itself.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Fence(error) if error.is_transient())
    }

    /// OceanBase's number of the error, where the server gave one that is understood here.
    pub fn code(&self) -> Option<i32> {
        matches!(self, Self::DataDamaged { .. }).then_some(4070)
    }
}

fn no_program(base_dir: &std::path::Path, saved: Option<&PathBuf>) -> String {
    match saved {
        Some(exe) => format!(
            "{}, the program with which the server ran before, is not there: put it back, then retry",
            exe.display()
        ),
        None => format!(
            "base directory {} holds none of bin/observer, bin/seekdb, run/seekdb, and how the server ran before is not \
             known: start it by hand",
            base_dir.display()
        ),
    }
}
