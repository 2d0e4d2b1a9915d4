//! A host that exists only here: for demos, load and fault tests. Nothing real is ever touched.
//!
//! What its process does outlives this one: the state is a file under the data directory, one a server. Only
//! the stop act hangs or fails; looking always works.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use slacktide_engine::{commit::Observation, id::ServerId};

use super::{Sighting, StopFailure};
use crate::run::Context;

/// How the simulated process takes being stopped.
pub(crate) struct Behaviour {
    pub(crate) stop_ms: u64,
    pub(crate) fail_stops: u32,
    pub(crate) hang: bool,
}

/// The host of one simulated server.
pub(crate) struct Simulated {
    server: ServerId,
    file: PathBuf,
    behaviour: Behaviour,
}

#[derive(Serialize, Deserialize)]
struct State {
    running: bool,
    stop_attempts: u32,
}

impl Simulated {
    pub(crate) fn new(server: ServerId, dir: &Path, behaviour: Behaviour) -> Self {
        Self {
            server,
            file: dir.join(format!("{server}.json")),
            behaviour,
        }
    }

    pub(crate) async fn look(&self) -> Sighting {
        let (observation, text) = match self.read() {
            Ok(State { running: true, .. }) => (
                Observation::Alive,
                format!("simulated server {} runs", self.server),
            ),
            Ok(_) => (
                Observation::Gone,
                format!("simulated server {} is gone", self.server),
            ),
            Err(error) => (Observation::Unknown, self.unreadable(&error)),
        };
        let obstacle = (observation == Observation::Unknown).then(|| text.clone());
        Sighting {
            observation,
            text,
            process: None,
            launch: None,
            obstacle,
        }
    }

    pub(crate) async fn stop(&self, context: &Context<'_>) -> Result<String, StopFailure> {
        let mut state = self.read().map_err(|error| self.failed(&error))?;
        if !state.running {
            return Ok(format!("simulated server {} was down already", self.server));
        }
        let log = context.log;
        log.line(format!("stopping simulated server {}", self.server));
        state.stop_attempts += 1;
        self.write(&state).map_err(|error| self.failed(&error))?;
        if state.stop_attempts <= self.behaviour.fail_stops {
            return Err(StopFailure::Failed {
                reason: format!(
                    "simulated server {} refuses to stop: attempt {} of {} that fail",
                    self.server, state.stop_attempts, self.behaviour.fail_stops
                ),
                observed: Observation::Alive,
            });
        }
        let ending = async {
            if self.behaviour.hang {
                log.line("simulated server hangs");
                std::future::pending::<()>().await;
            }
            if self.behaviour.stop_ms > 0 {
                log.line(format!(
                    "waiting {} ms for it to end",
                    self.behaviour.stop_ms
                ));
                tokio::time::sleep(Duration::from_millis(self.behaviour.stop_ms)).await;
            }
        };
        tokio::select! {
            () = ending => {}
            () = context.cancel.cancelled() => return Err(StopFailure::Canceled),
        }
        state.running = false;
        self.write(&state).map_err(|error| self.failed(&error))?;
        Ok(format!("simulated server {} is gone", self.server))
    }

    /// A server that nobody has touched yet runs.
    fn read(&self) -> io::Result<State> {
        match fs::read(&self.file) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State {
                running: true,
                stop_attempts: 0,
            }),
            Err(error) => Err(error),
        }
    }

    /// Written beside and renamed, so that a process that is killed leaves the old state or the new one.
    fn write(&self, state: &State) -> io::Result<()> {
        if let Some(dir) = self.file.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let beside = self.file.with_extension("new");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        options
            .open(&beside)?
            .write_all(&serde_json::to_vec(state)?)?;
        fs::rename(&beside, &self.file)
    }

    fn unreadable(&self, error: &io::Error) -> String {
        let file = self.file.display();
        format!(
            "cannot use {file}, the state of simulated server {}: {error}",
            self.server
        )
    }

    fn failed(&self, error: &io::Error) -> StopFailure {
        StopFailure::Failed {
            reason: self.unreadable(error),
            observed: Observation::Unknown,
        }
    }
}
