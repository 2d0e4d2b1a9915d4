//! What an executor can be told.

use std::{path::PathBuf, time::Duration};

use crate::driver::process::Limits;

/// Settings of an executor.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the host that it runs on; `process` servers name it.
    pub host: String,
    /// Directory for what drivers remember of their hosts: fences, sent signals, simulated processes.
    pub state_dir: PathBuf,
    /// How many runs it takes on at a time. Soft: tasks whose barriers open at the same moment may each fill
    /// the room that is left.
    pub capacity: usize,
    /// How long a lease lives without being renewed.
    pub lease_ttl: Duration,
    /// How often it looks for work, and for lost runs, though nothing woke it.
    pub tick: Duration,
    /// How long a drain waits for runs to end before they are handed back.
    pub drain_limit: Duration,
    /// How long to watch for a server that comes back after its process is gone. `None`: 12 s where something
    /// that restarts processes owns it, else not at all.
    pub watch_window: Option<Duration>,
    /// How long each signal of a stop is given.
    pub limits: Limits,
    /// How long a minor freeze may take before the stop goes on without it.
    pub freeze_limit: Duration,
    /// Whether the caller holds the data directory's lock, so that no other executor can be alive.
    pub alone: bool,
}

impl Options {
    /// The settings for a host, with everything else at its default.
    pub fn new(host: impl Into<String>, state_dir: impl Into<PathBuf>) -> Self {
        Self {
            host: host.into(),
            state_dir: state_dir.into(),
            capacity: 512,
            lease_ttl: Duration::from_secs(10),
            tick: Duration::from_secs(1),
            drain_limit: Duration::from_secs(20),
            watch_window: None,
            limits: Limits::default(),
            freeze_limit: Duration::from_secs(300),
            alone: false,
        }
    }
}
