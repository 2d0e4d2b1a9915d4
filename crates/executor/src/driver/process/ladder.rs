//! The signals that end a server, mildest first, and how long each is given.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A signal that ends a database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Signal {
    /// Orderly: leaders are given five seconds to move, during which the server still acknowledges
    /// writes.
    #[serde(rename = "SIGUSR1")]
    Usr1,
    /// At once: the server logs it and kills itself. No acknowledged write is lost, the next start
    /// replays more.
    #[serde(rename = "SIGTERM")]
    Term,
    /// At once, by the kernel; the only one that reaches a process that was halted.
    #[serde(rename = "SIGKILL")]
    Kill,
}

impl Signal {
    pub(super) fn number(self) -> rustix::process::Signal {
        match self {
            Self::Usr1 => rustix::process::Signal::USR1,
            Self::Term => rustix::process::Signal::TERM,
            Self::Kill => rustix::process::Signal::KILL,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usr1 => "SIGUSR1",
            Self::Term => "SIGTERM",
            Self::Kill => "SIGKILL",
        })
    }
}

/// One signal, and how long the process has to end after it before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// What is sent.
    pub signal: Signal,
    /// How long it may take to work.
    pub limit: Duration,
}

impl Rung {
    const fn new(signal: Signal, limit: Duration) -> Self {
        Self { signal, limit }
    }
}

/// How long each signal is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For SIGUSR1. Five seconds of it the server always takes.
    pub usr1: Duration,
    /// For SIGTERM.
    pub term: Duration,
    /// For SIGKILL; a process that outlives it hangs in the kernel.
    pub kill: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            usr1: Duration::from_secs(60),
            term: Duration::from_secs(10),
            kill: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// How long this signal is given.
    pub(super) fn of(&self, signal: Signal) -> Duration {
        match signal {
            Signal::Usr1 => self.usr1,
            Signal::Term => self.term,
            Signal::Kill => self.kill,
        }
    }
}

/// The signals of a stop, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder(Vec<Rung>);

impl Ladder {
    /// SIGUSR1, SIGTERM, SIGKILL.
    pub fn graceful(limits: Limits) -> Self {
        let mut rungs = vec![Rung::new(Signal::Usr1, limits.usr1)];
        rungs.extend(Self::immediate(limits).0);
        Self(rungs)
    }

    /// SIGTERM, SIGKILL.
    pub fn immediate(limits: Limits) -> Self {
        Self(vec![
            Rung::new(Signal::Term, limits.term),
            Rung::new(Signal::Kill, limits.kill),
        ])
    }

    /// The signals, in order.
    pub fn rungs(&self) -> &[Rung] {
        &self.0
    }
}
