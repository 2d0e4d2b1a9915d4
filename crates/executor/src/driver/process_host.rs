//! A server that is a process here: what the journal keeps of it, and what the process driver's answers mean.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slacktide_engine::{
    cluster::{Driver, Server},
    commit::Observation,
    fence::Fence,
    status::StopMode,
};
use slacktide_store::NewServer;

use super::{
    Sighting, StartFailure, StopFailure, is_taken_over,
    process::{
        Finding, Identity, Ladder, Launch, Owner, Process, ProcessDriver, StartError, StartOrder,
        StopError, StopOrder, Target,
    },
};
use crate::{options::Options, run::Context};

/// What the journal keeps of a server's process.
#[derive(Serialize, Deserialize)]
struct Journaled {
    /// The host on which it was found.
    host: String,
    /// Who it is.
    identity: Identity,
    /// On whose behalf an executor started it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started_by: Option<String>,
}

/// The host of a server that is a process.
pub(crate) struct ProcessHost {
    driver: ProcessDriver,
    base_dir: PathBuf,
    host: String,
}

/// The driver of a server that is a process on this executor's host.
pub(crate) fn process_driver(
    base_dir: &str,
    sql_port: u16,
    rpc_port: u16,
    options: &Options,
) -> ProcessDriver {
    let target = Target {
        base_dir: PathBuf::from(base_dir),
        sql_port,
        rpc_port,
    };
    ProcessDriver::new(target, &options.state_dir.join("process"))
}

/// Whether an executor with these options may read, lock and signal what a server that is to be registered
/// names. A server that is down is fine.
///
/// # Errors
/// What is missing, for the operator.
pub async fn check_host(server: &NewServer, options: &Options) -> Result<(), String> {
    let Driver::Process { base_dir, .. } = &server.driver else {
        return Ok(());
    };
    let host = ProcessHost::new(base_dir, server.sql_port, server.rpc_port, options);
    host.driver.check().await.map_err(|error| error.to_string())
}

impl ProcessHost {
    pub(super) fn new(base_dir: &str, sql_port: u16, rpc_port: u16, options: &Options) -> Self {
        Self {
            driver: process_driver(base_dir, sql_port, rpc_port, options),
            base_dir: PathBuf::from(base_dir),
            host: options.host.clone(),
        }
    }

    pub(super) async fn look(&self, journal: Option<&str>) -> Sighting {
        match self.recall(journal).await {
            Ok(known) => self.sighting(self.driver.look().await, known.is_some()),
            Err(reason) => Sighting::unknown(reason),
        }
    }

    pub(super) async fn glance(&self) -> Sighting {
        self.sighting(self.driver.glance().await, false)
    }

    pub(super) async fn raise_fence(&self, fence: Fence) -> Result<(), String> {
        let raised = self.driver.raise_fence(fence).await;
        raised.map_err(|error| error.to_string())
    }

    pub(super) async fn stop(&self, context: &Context<'_>) -> Result<String, StopFailure> {
        let journal = context.assignment.process.as_deref();
        let identity = self.recall(journal).await.map_err(StopFailure::unknown)?;
        let options = context.worker.options();
        let ladder = match context.assignment.task.options.mode {
            StopMode::Graceful => Ladder::graceful(options.limits),
            StopMode::Immediate => Ladder::immediate(options.limits),
        };
        let stopping = self.driver.stop(StopOrder {
            identity,
            fence: context.fence(),
            ladder,
            watch: options.watch_window,
            log: context.log,
            intents: context.intents,
            cancel: context.cancel,
        });
        let stopped = stopping.await.map_err(failure)?;
        Ok(match stopped.already_gone {
            true => "the server was down already".to_owned(),
            false => format!("the server is gone after {} ms", stopped.took.as_millis()),
        })
    }

    pub(super) async fn start(
        &self,
        context: &Context<'_>,
        server: &Server,
        launch: Option<&str>,
    ) -> Result<Sighting, StartFailure> {
        let unreadable = |reason| StartFailure::failed(reason, Observation::Unknown);
        // A server is started only where it ran.
        let journal = context.assignment.process.as_deref();
        self.recall(journal).await.map_err(unreadable)?;
        let launch: Option<Launch> =
            launch
                .map(serde_json::from_str)
                .transpose()
                .map_err(|error| {
                    unreadable(format!(
                        "the journal of how the server ran is damaged: {error}"
                    ))
                })?;
        let starting = self.driver.start(StartOrder {
            launch,
            fence: context.fence(),
            started_by: on_behalf_of(context),
            settle: context.worker.options().settle,
            limits: context.worker.options().limits,
            ip: Some(server.ip.clone()),
            log: context.log,
            intents: context.intents,
            cancel: context.cancel,
        });
        let started = starting.await.map_err(start_failure)?;
        let text = match started.already_running {
            true => format!("the server runs: {}", started.process),
            false => format!(
                "the server runs after {} ms: {}",
                started.took.as_millis(),
                started.process
            ),
        };
        Ok(self.alive(text, &started.process, started.started_by))
    }

    /// Whether the task started the process that was just seen: the host's own note says so, or the journal.
    pub(super) async fn was_started_by(&self, context: &Context<'_>, seen: &Sighting) -> bool {
        let task = format!("task {},", context.assignment.task.id);
        let is_task = |by: Option<String>| by.is_some_and(|by| by.starts_with(&task));
        if is_task(self.driver.started_by().await.ok().flatten()) {
            return true;
        }
        let read = |text: Option<&str>| serde_json::from_str::<Journaled>(text?).ok();
        let (seen, journaled) = (
            read(seen.process.as_deref()),
            read(context.assignment.process.as_deref()),
        );
        match (seen, journaled) {
            (Some(seen), Some(journaled)) => {
                seen.identity == journaled.identity && is_task(journaled.started_by)
            }
            _ => false,
        }
    }

    /// Who the journal says the process is; `None` if it knows of none.
    ///
    /// Settings may have been mended since it was written. That a process is gone from where it never was proves
    /// nothing, so a journal of another host or another directory is an error.
    async fn recall(&self, journal: Option<&str>) -> Result<Option<Identity>, String> {
        let Some(journal) = journal else {
            return Ok(None);
        };
        let Journaled { host, identity, .. } = serde_json::from_str(journal)
            .map_err(|error| format!("the journal of the server's process is damaged: {error}"))?;
        let moved = |from: &str, to: &str| {
            format!(
                "{identity} was found in {from}, but the server's settings say {to} since: \
                 set them back, then retry"
            )
        };
        if host != self.host {
            return Err(moved(&host, &self.host));
        }
        let base_dir = tokio::fs::canonicalize(&self.base_dir).await;
        let base_dir = base_dir.map_err(|error| {
            let base_dir = self.base_dir.display();
            format!(
                "base directory {base_dir} cannot be used: {error}; check that its disk is mounted"
            )
        })?;
        if identity.base_dir != base_dir {
            let (from, to) = (identity.base_dir.display(), base_dir.display());
            return Err(moved(&from.to_string(), &to.to_string()));
        }
        Ok(Some(identity))
    }

    /// `known`: the server's process was found here before, so its base directory is proven right. A port that
    /// a stranger has taken since then says nothing about the server.
    fn sighting(&self, finding: Finding, known: bool) -> Sighting {
        let text = finding.to_string();
        match finding {
            Finding::None => Sighting::plain(Observation::Gone, text),
            Finding::Foreign(_) if known => Sighting::plain(Observation::Gone, text),
            Finding::One(process) => self.alive(text, &process, None),
            Finding::Multiple(_) => Sighting {
                obstacle: Some(format!(
                    "{text}; decide by hand which one to keep, end the others, then retry"
                )),
                ..Sighting::plain(Observation::Alive, text)
            },
            Finding::Foreign(_) => Sighting::unknown(format!(
                "{text}; correct base_dir or the ports, or end that process, then retry"
            )),
            Finding::Unknown { .. } => Sighting::unknown(text),
        }
    }

    fn alive(&self, text: String, process: &Process, started_by: Option<String>) -> Sighting {
        let obstacle = match &process.owner {
            Owner::Systemd { unit } => Some(format!(
                "the systemd unit {unit} owns the process and would start it again: \
                 run `systemctl stop {unit}`, then retry"
            )),
            _ => None,
        };
        let journaled = Journaled {
            host: self.host.clone(),
            identity: process.identity.clone(),
            started_by,
        };
        match (
            serde_json::to_string(&journaled),
            serde_json::to_string(&process.launch),
        ) {
            (Ok(process), Ok(launch)) => Sighting {
                process: Some(process),
                launch: Some(launch),
                obstacle,
                ..Sighting::plain(Observation::Alive, text)
            },
            (Err(error), _) | (_, Err(error)) => {
                Sighting::unknown(format!("the process cannot be written down: {error}"))
            }
        }
    }
}

/// On whose behalf a server is started, for whoever finds it running later.
fn on_behalf_of(context: &Context<'_>) -> String {
    let (task, subtask) = (&context.assignment.task, &context.assignment.subtask);
    format!(
        "task {}, subtask {}, epoch {}",
        task.id, subtask.id, subtask.epoch
    )
}

fn failure(error: StopError) -> StopFailure {
    let observed = match &error {
        StopError::RunLost(_) => return StopFailure::Lost,
        StopError::Fenced { own, held } if is_taken_over(*own, *held) => return StopFailure::Lost,
        StopError::Canceled { .. } => return StopFailure::Canceled,
        StopError::Restarted(_)
        | StopError::Multiple(_)
        | StopError::OwnedBySystemd { .. }
        | StopError::StillAlive { .. }
        | StopError::Refused { .. } => Observation::Alive,
        _ => Observation::Unknown,
    };
    StopFailure::Failed {
        transient: error.is_transient(),
        reason: error.to_string(),
        observed,
    }
}

fn start_failure(error: StartError) -> StartFailure {
    let observed = match &error {
        StartError::RunLost(_) => return StartFailure::Lost,
        StartError::Fenced { own, held } if is_taken_over(*own, *held) => {
            return StartFailure::Lost;
        }
        StartError::Canceled { .. } => return StartFailure::Canceled,
        StartError::Multiple(_) | StartError::NoLock { .. } | StartError::Signalled { .. } => {
            Observation::Alive
        }
        StartError::Ended { .. }
        | StartError::DataDamaged { .. }
        | StartError::NotSetUp { .. }
        | StartError::NoProgram { .. }
        | StartError::WrongUser { .. }
        | StartError::Spawn { .. } => Observation::Gone,
        StartError::PortTaken(_)
        | StartError::Unknown { .. }
        | StartError::Fenced { .. }
        | StartError::Fence(_) => Observation::Unknown,
    };
    StartFailure::Failed {
        reason: error.to_string(),
        observed,
        transient: error.is_transient(),
        code: error.code(),
    }
}

#[cfg(test)]
mod tests;
