//! Starts a server: look, compare the fence and look again, note, run, see it take its lock, watch whether it stays.

use std::time::Duration;

use slacktide_engine::fence::Fence;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::dying::Dying;
use super::finding::Finding;
use super::handle::{Handle, NoHandle};
use super::host_file::Locked;
use super::identity::{Identity, Launch, Process};
use super::ladder::Limits;
use super::prepared::Prepared;
use super::spawn::{self, Newborn};
use super::start_error::StartError;
use super::state::Start;
use super::{ProcessDriver, blocking};
use crate::crash_point;
use crate::run_log::{Intents, RunLog};
use crate::sql;

/// How long the lock of the host's state file is held for a program to become visible as a server. Others wait for
/// that lock for longer.
const LOCKED_LIMIT: Duration = Duration::from_secs(3);
/// How long a server may take to take its record lock on a host that has no time for it.
const LOCK_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
/// How long a server that works needs to greet, when it can.
const GREETING_LIMIT: Duration = Duration::from_millis(500);
const GREETING_POLL: Duration = Duration::from_millis(100);

/// What is to be started, and on whose behalf.
pub struct StartOrder<'a> {
    /// How the server ran before, if that is known.
    pub launch: Option<Launch>,
    /// The fence of this run.
    pub fence: Fence,
    /// On whose behalf, for whoever finds the server running later. Kept as it is.
    pub started_by: String,
    /// How long a server must live to count as started; one whose port is taken needs over a second to notice.
    /// A greeting ends the watch early.
    pub settle: Duration,
    /// The address on which it will greet, if the watch may end early.
    pub ip: Option<String>,
    /// How long each signal is given: a server that got one earlier is waited for.
    pub limits: Limits,
    /// Where each finding and wait is told.
    pub log: &'a RunLog,
    /// Makes the intent of the start durable.
    pub intents: &'a dyn Intents,
    /// Ends the start: a server that was run already goes on.
    pub cancel: &'a CancellationToken,
}

/// A server that runs.
#[derive(Clone, Debug)]
pub struct Started {
    /// The server.
    pub process: Process,
    /// Whether it ran before this run did anything.
    pub already_running: bool,
    /// On whose behalf it was started, if by an executor of this host.
    pub started_by: Option<String>,
    /// From the beginning of this run.
    pub took: Duration,
}

pub(super) async fn start(
    driver: &ProcessDriver,
    order: StartOrder<'_>,
) -> Result<Started, StartError> {
    let started = Instant::now();
    Starting {
        driver,
        order,
        started,
    }
    .run()
    .await
}

/// A start under way.
pub(super) struct Starting<'a> {
    pub(super) driver: &'a ProcessDriver,
    pub(super) order: StartOrder<'a>,
    pub(super) started: Instant,
}

impl Starting<'_> {
    async fn run(self) -> Result<Started, StartError> {
        loop {
            let finding = self.unless_canceled(self.driver.look()).await?;
            self.log(finding.to_string());
            let prepared = match running(finding)? {
                Some(_) => None,
                None => Some(self.announce().await?),
            };
            let locked = self.raise_fence(self.lock().await?)?;
            // From here on nobody else starts or signals the server: only what is found now counts.
            match (running(self.driver.find().await)?, prepared) {
                (Some(process), _) => {
                    let dying = Dying::of(&process, &locked.state, self.order.limits);
                    let locked = save(locked).await?;
                    let Some(dying) = dying else {
                        return Ok(self.ran_already(&locked, process));
                    };
                    drop(locked);
                    self.await_end(dying).await?;
                }
                (None, Some(prepared)) => return self.start(locked, &prepared).await,
                (None, None) => self.log("the server ended meanwhile".to_owned()),
            }
        }
    }

    /// Finds out how the server is to be run, and makes durable that it will be.
    async fn announce(&self) -> Result<Prepared, StartError> {
        let prepared = Prepared::of(self.driver, self.order.launch.clone()).await?;
        let intent = format!(
            "start of {} in {}",
            prepared.command.exe.display(),
            prepared.base.path.display()
        );
        self.order.intents.record(&intent).await?;
        crash_point::reached("before-act").await;
        Ok(prepared)
    }

    async fn start(&self, mut locked: Locked, prepared: &Prepared) -> Result<Started, StartError> {
        if self.order.cancel.is_cancelled() {
            return Err(StartError::Canceled { started: None });
        }
        let start = Start::new(self.order.fence, &self.order.started_by);
        let mark = start.mark.clone();
        locked.state.start = Some(start);
        let locked = save(locked).await?;
        crash_point::reached("after-note").await;
        let spawned = spawn::spawn(&prepared.base, &prepared.command, mark.as_deref());
        let mut newborn = match spawned {
            Ok(newborn) => newborn,
            Err(source) => return self.unstarted(locked, prepared, source).await,
        };
        crash_point::reached("after-spawn").await;
        self.log(format!("ran {}", prepared.command.exe.display()));
        if let Err(error) = &newborn.output {
            self.log(format!("log/{} is not written: {error}", spawn::OUTPUT));
        }

        let process = self.see(locked, prepared, &mut newborn).await?;
        self.log(format!("it is there: {process}"));
        self.settle(process, prepared, &mut newborn).await
    }

    fn ran_already(&self, locked: &Locked, process: Process) -> Started {
        let start = locked.state.start.as_ref();
        let started_by = start
            .and_then(|start| start.by(&process))
            .map(ToOwned::to_owned);
        let text = match &started_by {
            Some(by) => {
                format!("the server runs already: an executor of this host started it for {by}")
            }
            None => "the server runs already".to_owned(),
        };
        self.log(text);
        self.done(process, true, started_by)
    }

    fn raise_fence(&self, mut locked: Locked) -> Result<Locked, StartError> {
        let own = self.order.fence;
        if let Some(held) = locked.state.fence.filter(|held| *held > own) {
            return Err(StartError::Fenced { own, held });
        }
        locked.state.raise(own);
        Ok(locked)
    }

    /// Takes the note back: nothing was started.
    async fn unstarted(
        &self,
        mut locked: Locked,
        prepared: &Prepared,
        source: std::io::Error,
    ) -> Result<Started, StartError> {
        locked.state.start = None;
        save(locked).await?;
        Err(StartError::Spawn {
            exe: prepared.command.exe.clone(),
            source,
        })
    }

    /// Waits until the program is a server with its record lock. The state file's lock is let go when the next
    /// starter would see the server, and after [`LOCKED_LIMIT`] in any case.
    async fn see(
        &self,
        mut locked: Locked,
        prepared: &Prepared,
        newborn: &mut Newborn,
    ) -> Result<Process, StartError> {
        let soon = self.await_lock(LOCKED_LIMIT, prepared, newborn).await;
        let process = match soon {
            Err(StartError::NoLock { .. }) => {
                drop(locked);
                let process = self.await_lock(LOCK_LIMIT, prepared, newborn).await?;
                locked = self.lock().await?;
                process
            }
            soon => soon?,
        };
        if let Some(start) = &mut locked.state.start
            && start.epoch == self.order.fence.epoch
        {
            start.came_to(&process.identity);
            save(locked).await?;
        }
        Ok(process)
    }

    async fn await_lock(
        &self,
        limit: Duration,
        prepared: &Prepared,
        newborn: &mut Newborn,
    ) -> Result<Process, StartError> {
        let deadline = Instant::now() + limit;
        loop {
            // Asked before the look: what a launcher leaves behind is there before it ends.
            let ended = newborn.ended();
            let finding = self.driver.find().await;
            let late = Instant::now() >= deadline;
            let doubt = match finding {
                Finding::One(process) if process.holds_lock => return Ok(*process),
                Finding::One(process) if self.order.cancel.is_cancelled() => {
                    let started = Some(process.identity);
                    return Err(StartError::Canceled { started });
                }
                Finding::One(process) if late && !prepared.command.locks => return Ok(*process),
                Finding::None | Finding::Foreign(_) if ended.is_some() => {
                    return Err(self.ended(prepared, newborn).await);
                }
                // Launcher and server are two for an instant.
                Finding::Multiple(processes) if late => {
                    return Err(StartError::Multiple(processes));
                }
                doubt => doubt,
            };
            if late {
                return Err(StartError::NoLock {
                    limit,
                    doubt: doubt.to_string(),
                });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Watches whether the server stays: a launcher's success proves nothing, and a server that cannot have its
    /// port notices late.
    async fn settle(
        &self,
        process: Process,
        prepared: &Prepared,
        newborn: &mut Newborn,
    ) -> Result<Started, StartError> {
        let identity = process.identity.clone();
        let Some(handle) = self.open(&identity).await? else {
            return Err(self.ended(prepared, newborn).await);
        };
        self.log(format!(
            "watching for up to {:.1} s whether it stays",
            self.order.settle.as_secs_f64()
        ));
        tokio::select! {
            biased;
            ended = handle.ended() => {
                ended.map_err(|error| unknown(format!("cannot wait for the process: {error}")))?;
                return Err(self.ended(prepared, newborn).await);
            }
            () = self.order.cancel.cancelled() => {
                return Err(StartError::Canceled { started: Some(identity) });
            }
            () = self.greeted() => self.log("it greets".to_owned()),
            () = tokio::time::sleep(self.order.settle) => {}
        }
        match self.driver.find().await {
            Finding::One(found) if found.identity == identity => {
                Ok(self.done(*found, false, Some(self.order.started_by.clone())))
            }
            Finding::Multiple(processes) => Err(StartError::Multiple(processes)),
            Finding::None | Finding::Foreign(_) => Err(self.ended(prepared, newborn).await),
            other => Err(unknown(format!("{identity} was started, but now: {other}"))),
        }
    }

    /// Returns when the server greets; never where it has no address.
    async fn greeted(&self) {
        let Some(ip) = &self.order.ip else {
            return std::future::pending().await;
        };
        let port = self.driver.target.sql_port;
        while sql::greeting(ip, port, GREETING_LIMIT).await.is_err() {
            tokio::time::sleep(GREETING_POLL).await;
        }
    }

    fn done(&self, process: Process, already_running: bool, started_by: Option<String>) -> Started {
        Started {
            process,
            already_running,
            started_by,
            took: self.started.elapsed(),
        }
    }

    /// `None` when the process has ended.
    pub(super) async fn open(&self, identity: &Identity) -> Result<Option<Handle>, StartError> {
        let opened = Handle::open(&self.driver.target, identity).await;
        opened.map_err(|error| match error {
            NoHandle::Kernel(error) => unknown(error.to_string()),
            NoHandle::Unclear(reason) => unknown(reason),
        })
    }

    async fn lock(&self) -> Result<Locked, StartError> {
        let file = self.driver.host_file().await?;
        Ok(self
            .unless_canceled(file.lock(self.driver.lock_wait))
            .await??)
    }

    /// Runs what starts nothing, until the start is canceled.
    pub(super) async fn unless_canceled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, StartError> {
        tokio::select! {
            biased;
            () = self.order.cancel.cancelled() => Err(StartError::Canceled { started: None }),
            done = work => Ok(done),
        }
    }

    pub(super) fn log(&self, line: String) {
        self.order.log.line(line);
    }
}

/// The server that runs already; none if one may be started.
fn running(finding: Finding) -> Result<Option<Process>, StartError> {
    match finding {
        Finding::None => Ok(None),
        Finding::One(process) => Ok(Some(*process)),
        Finding::Foreign(holder) => Err(StartError::PortTaken(holder)),
        Finding::Multiple(processes) => Err(StartError::Multiple(processes)),
        Finding::Unknown { reason } => Err(StartError::Unknown { reason }),
    }
}

async fn save(locked: Locked) -> Result<Locked, StartError> {
    let saved = blocking(move || locked.save().map(|()| locked)).await;
    Ok(saved.map_err(unknown)??)
}

pub(super) fn unknown(reason: String) -> StartError {
    StartError::Unknown { reason }
}
