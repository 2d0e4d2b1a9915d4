//! Stops a server: look, signal, wait, prove.

use std::time::Duration;

use slacktide_engine::fence::Fence;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::{Restart, StopError};
use super::finding::Finding;
use super::handle::{Handle, NoHandle};
use super::host_file::Locked;
use super::identity::{Identity, Process};
use super::ladder::{Ladder, Rung, Signal};
use super::owner::Owner;
use super::procfs::{self, Stat};
use super::send::{Delivery, Sending};
use super::state::State;
use super::{ProcessDriver, blocking};
use crate::crash_point;
use crate::run_log::{Intents, RunLog};

/// What is to be stopped, and on whose behalf.
pub struct StopOrder<'a> {
    /// The process that was found and made durable earlier; `None` when the server was down then.
    pub identity: Option<Identity>,
    /// The fence of this run.
    pub fence: Fence,
    /// The signals to send. The intent of the first one must be durable already.
    pub ladder: Ladder,
    /// How long to watch for a server that comes back. `None`: 12 s where something that restarts
    /// processes owns it, else not at all.
    pub watch: Option<Duration>,
    /// Where each finding, signal and wait is told.
    pub log: &'a RunLog,
    /// Makes the intents of all signals but the first durable.
    pub intents: &'a dyn Intents,
    /// Ends the stop: nothing more is sent, and what goes on is not waited for.
    pub cancel: &'a CancellationToken,
}

/// A server that is proven gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Whether it was gone before this run could do anything.
    pub already_gone: bool,
    /// The signal after which it ended, if this run or an earlier one of the same generation sent
    /// one.
    pub last_signal: Option<Signal>,
    /// From the beginning of this run until it was proven gone, without the watch.
    pub took: Duration,
}

pub(super) async fn stop(
    driver: &ProcessDriver,
    order: StopOrder<'_>,
) -> Result<Stopped, StopError> {
    Stop {
        driver,
        order,
        started: Instant::now(),
        last_signal: None,
        sent_at: None,
        supervised: false,
    }
    .run()
    .await
}

/// A stop under way.
pub(super) struct Stop<'a> {
    pub(super) driver: &'a ProcessDriver,
    pub(super) order: StopOrder<'a>,
    started: Instant,
    pub(super) last_signal: Option<Signal>,
    /// When this run sent its last signal.
    pub(super) sent_at: Option<Instant>,
    /// Whether something that restarts processes owns the server.
    pub(super) supervised: bool,
}

enum Wait {
    Ended,
    TimeUp,
}

impl Stop<'_> {
    async fn run(mut self) -> Result<Stopped, StopError> {
        let driver = self.driver;
        let finding = self.unless_canceled(driver.look()).await?;
        self.log(finding.to_string());
        let already_gone = match finding {
            Finding::One(process) if self.order.identity.as_ref() == Some(&process.identity) => {
                self.end(&process).await?;
                false
            }
            Finding::One(process) => return Err(self.restarted(*process)),
            Finding::Multiple(processes) => return Err(StopError::Multiple(processes)),
            Finding::Unknown { reason } => return Err(StopError::Unknown { reason }),
            // While a server was known here, base_dir was right; now that it is gone, the port is
            // free to anyone.
            Finding::Foreign(holder) if self.order.identity.is_none() => {
                return Err(StopError::Foreign(holder));
            }
            Finding::Foreign(_) | Finding::None => {
                self.recall().await?;
                true
            }
        };
        let took = self.started.elapsed();
        self.watch().await?;
        Ok(Stopped {
            already_gone,
            last_signal: self.last_signal,
            took,
        })
    }

    /// What an earlier run noted about a process that has ended since.
    async fn recall(&mut self) -> Result<(), StopError> {
        let Some(identity) = &self.order.identity else {
            return Ok(());
        };
        let state = self.state().await?;
        let last = state.sent_to(identity, self.order.fence.generation).last();
        self.last_signal = last.map(|sent| sent.signal);
        self.supervised = last.is_some_and(|sent| sent.supervised);
        let after = self
            .last_signal
            .map(|signal| format!(" after {signal}"))
            .unwrap_or_default();
        self.log(format!("{identity} ended{after} before this run began"));
        Ok(())
    }

    /// Climbs the ladder until the process has ended.
    async fn end(&mut self, process: &Process) -> Result<(), StopError> {
        self.settle_owner(process)?;
        let identity = &process.identity;
        let Some(handle) = self.open(identity).await? else {
            return self.confirm_gone(identity).await;
        };
        let rungs = self.order.ladder.rungs().to_vec();
        for (index, rung) in rungs.iter().enumerate() {
            if index > 0 && !self.was_sent(identity, rung.signal).await? {
                self.order
                    .intents
                    .record(&format!("{} to {identity}", rung.signal))
                    .await?;
            }
            let limit = match self.send(process, &handle, *rung).await? {
                Delivery::Ended => return self.confirm_gone(identity).await,
                Delivery::Sent => {
                    self.sent_at = Some(Instant::now());
                    self.log(format!("sent {} to {process}", rung.signal));
                    rung.limit
                }
                Delivery::Earlier(left) => {
                    self.log(format!(
                        "{} was sent to {process} by an earlier run",
                        rung.signal
                    ));
                    left
                }
            };
            self.last_signal = Some(rung.signal);
            self.log(format!(
                "waiting up to {:.1} s for pid {} to end",
                limit.as_secs_f64(),
                identity.pid
            ));
            match self.wait(&handle, limit).await? {
                Wait::Ended => return self.confirm_gone(identity).await,
                Wait::TimeUp => self.log(format!("pid {} did not end in that time", identity.pid)),
            }
        }
        Err(still_alive(identity, self.last_signal))
    }

    /// A server that something restarts at once is not stopped past it.
    fn settle_owner(&mut self, process: &Process) -> Result<(), StopError> {
        match &process.owner {
            Owner::None => Ok(()),
            Owner::Supervisor { pid, name } => {
                self.log(format!(
                    "pid {pid} ({name}) started the server and may start it again"
                ));
                self.supervised = true;
                Ok(())
            }
            Owner::Systemd { unit } => Err(StopError::OwnedBySystemd {
                unit: unit.clone(),
                identity: process.identity.clone(),
            }),
            Owner::Unclear { unit, reason } => Err(StopError::Unknown {
                reason: format!(
                    "systemd does not tell whether {} is the main process of {unit}: {reason}",
                    process.identity
                ),
            }),
        }
    }

    async fn open(&self, identity: &Identity) -> Result<Option<Handle>, StopError> {
        Handle::open(&self.driver.target, identity)
            .await
            .map_err(|error| match error {
                NoHandle::Kernel(source) => StopError::NoHandle {
                    identity: identity.clone(),
                    source,
                },
                NoHandle::Unclear(reason) => StopError::Unknown { reason },
            })
    }

    async fn was_sent(&self, identity: &Identity, signal: Signal) -> Result<bool, StopError> {
        Ok(self
            .state()
            .await?
            .sent_to(identity, self.order.fence.generation)
            .any(|sent| sent.signal == signal))
    }

    async fn send(
        &self,
        process: &Process,
        handle: &Handle,
        rung: Rung,
    ) -> Result<Delivery, StopError> {
        let sending = Sending {
            target: self.driver.target.clone(),
            identity: process.identity.clone(),
            pidfd: handle.pidfd().map_err(|source| StopError::NoHandle {
                identity: process.identity.clone(),
                source,
            })?,
            rung,
            fence: self.order.fence,
            supervised: self.supervised,
        };
        crash_point::reached("before-act").await;
        let locked = self.lock().await?;
        let cancel = self.order.cancel.clone();
        let sent = blocking(move || (!cancel.is_cancelled()).then(|| sending.send(locked))).await;
        match sent {
            Ok(Some(delivery)) => delivery,
            Ok(None) => Err(self.canceled()),
            Err(reason) => Err(StopError::Unknown { reason }),
        }
    }

    /// What this host remembers of the server.
    async fn state(&self) -> Result<State, StopError> {
        Ok(self.lock().await?.state)
    }

    async fn lock(&self) -> Result<Locked, StopError> {
        let file = self.driver.host_file().await?;
        Ok(self
            .unless_canceled(file.lock(self.driver.lock_wait))
            .await??)
    }

    async fn wait(&self, handle: &Handle, limit: Duration) -> Result<Wait, StopError> {
        tokio::select! {
            biased;
            ended = handle.ended() => ended.map(|()| Wait::Ended).map_err(|error| StopError::Unknown {
                reason: format!("cannot wait for the process: {error}"),
            }),
            () = self.order.cancel.cancelled() => Err(self.canceled()),
            () = tokio::time::sleep(limit) => Ok(Wait::TimeUp),
        }
    }

    /// Runs what changes nothing, until the stop is canceled.
    pub(super) async fn unless_canceled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, StopError> {
        tokio::select! {
            biased;
            () = self.order.cancel.cancelled() => Err(self.canceled()),
            done = work => Ok(done),
        }
    }

    fn canceled(&self) -> StopError {
        StopError::Canceled {
            sent: self.last_signal,
        }
    }

    pub(super) fn restarted(&self, process: Process) -> StopError {
        StopError::Restarted(Box::new(Restart {
            process,
            expected: self.order.identity.clone(),
        }))
    }

    pub(super) fn log(&self, line: String) {
        self.order.log.line(line);
    }
}

fn still_alive(identity: &Identity, last_signal: Option<Signal>) -> StopError {
    let dir = procfs::dir(identity.pid);
    let wchan = std::fs::read_to_string(dir.join("wchan")).unwrap_or_default();
    StopError::StillAlive {
        identity: identity.clone(),
        signal: last_signal.unwrap_or(Signal::Kill),
        state: Stat::read(&dir).map_or('?', |stat| stat.state),
        wchan: if wchan.is_empty() || wchan == "0" {
            "?".into()
        } else {
            wchan
        },
    }
}
