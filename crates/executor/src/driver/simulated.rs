//! A host that exists only here: for demos, load and fault tests. Nothing real is ever touched.
//!
//! What its process does outlives this one: the state is a file under the data directory, one a server. It is
//! locked, so that several executor processes may share the directory, and it keeps a journal of what was done
//! to the server and on whose behalf, by which a test can tell whether something was done twice or by a run that
//! had been fenced out. Only the stop act hangs or fails; looking, starting and fencing always work.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use slacktide_engine::{commit::Observation, fence::Fence, id::ServerId};
use tokio_util::sync::CancellationToken;

use super::{
    Sighting, StartFailure, StopFailure, is_taken_over,
    process::{
        FenceError,
        host_file::{HostFile, LOCK_WAIT, Locked},
    },
};
use crate::{crash_point, run_log::RunLog};

#[cfg(test)]
mod tests;

/// How many effects a journal keeps; older ones are forgotten. The file stays within one block.
const JOURNAL: usize = 32;

/// How the simulated process takes being stopped.
pub(crate) struct Behaviour {
    pub(crate) stop_ms: u64,
    pub(crate) fail_stops: u32,
    pub(crate) hang: bool,
}

/// The host of one simulated server.
pub(crate) struct Simulated {
    server: ServerId,
    file: HostFile<State>,
    behaviour: Behaviour,
}

/// What the file holds. A server that nobody has touched yet runs.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    running: bool,
    stop_attempts: u32,
    /// The highest fence seen.
    #[serde(default)]
    fence: Option<Fence>,
    /// What was done to the server, oldest first.
    #[serde(default)]
    effects: Vec<Effect>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            running: true,
            stop_attempts: 0,
            fence: None,
            effects: Vec::new(),
        }
    }
}

/// A change of the process, with the fence of the run that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Effect {
    generation: i64,
    epoch: i64,
    act: Act,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    Stop,
    Start,
}

/// Why a run may change nothing.
enum Barred {
    /// It was taken over.
    Lost,
    /// For this reason.
    Failed(String),
}

impl From<Barred> for StopFailure {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Lost => Self::Lost,
            Barred::Failed(reason) => Self::failed(reason, Observation::Unknown),
        }
    }
}

impl From<Barred> for StartFailure {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Lost => Self::Lost,
            Barred::Failed(reason) => Self::failed(reason, Observation::Unknown),
        }
    }
}

impl State {
    /// Takes a run's fence.
    ///
    /// # Errors
    /// When a higher one was seen.
    fn admit(&mut self, own: Fence) -> Result<(), Barred> {
        match self.fence.filter(|held| *held > own) {
            None => {
                self.fence = Some(own);
                Ok(())
            }
            Some(held) if is_taken_over(own, held) => Err(Barred::Lost),
            Some(held) => Err(Barred::Failed(format!(
                "a later run has this server: this one is generation {}, epoch {}, the host holds generation {}, epoch {}",
                own.generation, own.epoch, held.generation, held.epoch
            ))),
        }
    }

    fn change(&mut self, act: Act, fence: Fence) {
        self.running = act == Act::Start;
        let surplus = (self.effects.len() + 1).saturating_sub(JOURNAL);
        self.effects.drain(..surplus);
        self.effects.push(Effect {
            generation: fence.generation,
            epoch: fence.epoch,
            act,
        });
    }
}

impl Simulated {
    pub(crate) fn new(server: ServerId, dir: &Path, behaviour: Behaviour) -> Self {
        Self {
            server,
            file: HostFile::at(dir.join(format!("{server}.json"))),
            behaviour,
        }
    }

    pub(crate) async fn look(&self) -> Sighting {
        match self.file.peek(LOCK_WAIT).await {
            Ok(state) if state.running => self.alive(),
            Ok(_) => Sighting::plain(
                Observation::Gone,
                format!("simulated server {} is gone", self.server),
            ),
            Err(error) => Sighting::unknown(self.unusable(&error)),
        }
    }

    /// Whether an operation of this generation was the last to change the server, and stopped it.
    pub(crate) async fn was_stopped_in(&self, generation: i64) -> bool {
        self.was_last(Act::Stop, generation).await
    }

    /// The same for a start.
    pub(crate) async fn was_started_in(&self, generation: i64) -> bool {
        self.was_last(Act::Start, generation).await
    }

    async fn was_last(&self, act: Act, generation: i64) -> bool {
        let state = self.file.peek(LOCK_WAIT).await.ok();
        let last = state.and_then(|state| state.effects.last().copied());
        last.is_some_and(|last| (last.act, last.generation) == (act, generation))
    }

    pub(crate) async fn raise_fence(&self, fence: Fence) -> Result<(), String> {
        let raising = async {
            let mut locked = self.lock().await?;
            locked.state.fence = locked.state.fence.max(Some(fence));
            locked.keep()
        };
        raising.await.map_err(|error| self.unusable(&error))?;
        crash_point::reached("after-fence").await;
        Ok(())
    }

    /// Stops the process on behalf of the run with this fence.
    pub(crate) async fn stop(
        &self,
        fence: Fence,
        log: &RunLog,
        cancel: &CancellationToken,
    ) -> Result<String, StopFailure> {
        crash_point::reached("before-act").await;
        let mut locked = self.admit(fence).await?;
        if !locked.state.running {
            return Ok(format!("simulated server {} was down already", self.server));
        }
        log.line(format!("stopping simulated server {}", self.server));
        locked.state.stop_attempts += 1;
        let attempt = locked.state.stop_attempts;
        if attempt <= self.behaviour.fail_stops {
            self.keep(&locked)?;
            return Err(StopFailure::failed(
                format!(
                    "simulated server {} refuses to stop: attempt {attempt} of {} that fail",
                    self.server, self.behaviour.fail_stops
                ),
                Observation::Alive,
            ));
        }
        if self.behaviour.hang || self.behaviour.stop_ms > 0 {
            self.keep(&locked)?;
            drop(locked);
            tokio::select! {
                () = self.end(log) => {}
                () = cancel.cancelled() => return Err(StopFailure::Canceled),
            }
            // Whoever fenced this run out meanwhile must find that it did nothing more.
            locked = self.admit(fence).await?;
        }
        if locked.state.running {
            locked.state.change(Act::Stop, fence);
            self.keep(&locked)?;
            crash_point::reached("after-effect").await;
        }
        Ok(format!("simulated server {} is gone", self.server))
    }

    /// Starts the process on behalf of the run with this fence.
    pub(crate) async fn start(&self, fence: Fence, log: &RunLog) -> Result<Sighting, StartFailure> {
        crash_point::reached("before-act").await;
        let mut locked = self.admit(fence).await?;
        if !locked.state.running {
            log.line(format!("starting simulated server {}", self.server));
            locked.state.change(Act::Start, fence);
            self.keep(&locked)?;
            crash_point::reached("after-effect").await;
        }
        Ok(self.alive())
    }

    async fn end(&self, log: &RunLog) {
        if self.behaviour.hang {
            log.line("simulated server hangs");
            std::future::pending::<()>().await;
        }
        let stop_ms = self.behaviour.stop_ms;
        log.line(format!("waiting {stop_ms} ms for it to end"));
        tokio::time::sleep(Duration::from_millis(stop_ms)).await;
    }

    fn alive(&self) -> Sighting {
        Sighting::plain(
            Observation::Alive,
            format!("simulated server {} runs", self.server),
        )
    }

    /// The state, while nobody else can change it, for a run that may act.
    async fn admit(&self, fence: Fence) -> Result<Locked<State>, Barred> {
        let locked = self.lock().await;
        let mut locked = locked.map_err(|error| Barred::Failed(self.unusable(&error)))?;
        locked.state.admit(fence)?;
        Ok(locked)
    }

    async fn lock(&self) -> Result<Locked<State>, FenceError> {
        self.file.lock(LOCK_WAIT).await
    }

    fn keep(&self, locked: &Locked<State>) -> Result<(), Barred> {
        let kept = locked.keep();
        kept.map_err(|error| Barred::Failed(self.unusable(&error)))
    }

    fn unusable(&self, error: &FenceError) -> String {
        format!("the state of simulated server {}: {error}", self.server)
    }
}
