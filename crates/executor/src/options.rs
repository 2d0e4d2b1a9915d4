//! What an executor can be told.

use std::{path::PathBuf, time::Duration};

use slacktide_engine::selector::Selector;

use crate::driver::process::Limits;

/// Settings of an executor.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the host that it runs on; `process` servers name it.
    pub host: String,
    /// Directory for what drivers remember of their hosts: fences, sent signals, simulated processes.
    pub state_dir: PathBuf,
    /// Its labels: it works on clusters whose selector they meet.
    pub labels: Selector,
    /// How many runs it takes on at a time. Soft: tasks whose barriers open at the same moment may each fill
    /// the room that is left, and runs that are taken over have room of their own, as much again.
    pub capacity: usize,
    /// How many of its runs may work on its own host at a time; 0: as many as there is room for. Exceeded only by
    /// runs that are taken over, which were there before.
    pub per_host: usize,
    /// How long a lease lives without being renewed.
    pub lease_ttl: Duration,
    /// How often it looks for work, and for lost runs, though nothing woke it.
    pub tick: Duration,
    /// How long past its deadline a run may be before any executor that reaches its host ends it.
    pub overdue_grace: Duration,
    /// How long a host, or a selector, must have been without an executor before what waits for it, or was left
    /// there, fails.
    pub host_grace: Duration,
    /// How often it looks at the servers of clusters that no task holds; zero: never.
    pub observe_interval: Duration,
    /// How long a drain waits for runs to end before they are handed back.
    pub drain_limit: Duration,
    /// How long to watch for a server that comes back after its process is gone. `None`: 12 s where something
    /// that restarts processes owns it, else not at all.
    pub watch_window: Option<Duration>,
    /// How long a server that was started must live to count as started, unless it greets earlier. One whose
    /// port is taken notices after more than a second.
    pub settle: Duration,
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
            labels: Selector::default(),
            capacity: 512,
            per_host: 0,
            lease_ttl: Duration::from_secs(10),
            tick: Duration::from_secs(1),
            overdue_grace: Duration::from_secs(10),
            host_grace: Duration::from_secs(30),
            observe_interval: Duration::from_secs(10),
            drain_limit: Duration::from_secs(20),
            watch_window: None,
            settle: Duration::from_secs(3),
            limits: Limits::default(),
            freeze_limit: Duration::from_secs(300),
            alone: false,
        }
    }
}
