//! A server that is a process here: what the journal keeps of it, and what the process driver's answers mean.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slacktide_engine::{cluster::Driver, commit::Observation, fence::Fence, status::StopMode};
use slacktide_store::NewServer;

use super::{
    Sighting, StopFailure,
    process::{
        Finding, Identity, Ladder, Owner, Process, ProcessDriver, StopError, StopOrder, Target,
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
}

/// The host of a server that is a process.
pub(crate) struct ProcessHost {
    driver: ProcessDriver,
    base_dir: PathBuf,
    host: String,
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
        let base_dir = PathBuf::from(base_dir);
        let target = Target {
            base_dir: base_dir.clone(),
            sql_port,
            rpc_port,
        };
        Self {
            driver: ProcessDriver::new(target, &options.state_dir.join("process")),
            base_dir,
            host: options.host.clone(),
        }
    }

    pub(super) async fn look(&self, journal: Option<&str>) -> Sighting {
        match self.recall(journal).await {
            Ok(known) => self.sighting(self.driver.look().await, known.is_some()),
            Err(reason) => Sighting::unknown(reason),
        }
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

    /// Who the journal says the process is; `None` if it knows of none.
    ///
    /// Settings may have been mended since it was written. That a process is gone from where it never was proves
    /// nothing, so a journal of another host or another directory is an error.
    async fn recall(&self, journal: Option<&str>) -> Result<Option<Identity>, String> {
        let Some(journal) = journal else {
            return Ok(None);
        };
        let Journaled { host, identity } = serde_json::from_str(journal)
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
            Finding::None => gone(text),
            Finding::Foreign(_) if known => gone(text),
            Finding::One(process) => self.alive(text, &process),
            Finding::Multiple(_) => Sighting {
                observation: Observation::Alive,
                process: None,
                launch: None,
                obstacle: Some(format!(
                    "{text}; decide by hand which one to keep, end the others, then retry"
                )),
                text,
            },
            Finding::Foreign(_) => Sighting::unknown(format!(
                "{text}; correct base_dir or the ports, or end that process, then retry"
            )),
            Finding::Unknown { .. } => Sighting::unknown(text),
        }
    }

    fn alive(&self, text: String, process: &Process) -> Sighting {
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
        };
        let (process, launch) = match (
            serde_json::to_string(&journaled),
            serde_json::to_string(&process.launch),
        ) {
            (Ok(process), Ok(launch)) => (process, launch),
            (Err(error), _) | (_, Err(error)) => {
                return Sighting::unknown(format!("the process cannot be written down: {error}"));
            }
        };
        Sighting {
            observation: Observation::Alive,
            text,
            process: Some(process),
            launch: Some(launch),
            obstacle,
        }
    }
}

fn gone(text: String) -> Sighting {
    Sighting {
        observation: Observation::Gone,
        text,
        process: None,
        launch: None,
        obstacle: None,
    }
}

fn failure(error: StopError) -> StopFailure {
    let observed = match &error {
        StopError::RunLost(_) => return StopFailure::Lost,
        StopError::Canceled { .. } => return StopFailure::Canceled,
        StopError::Restarted(_)
        | StopError::Multiple(_)
        | StopError::OwnedBySystemd { .. }
        | StopError::StillAlive { .. }
        | StopError::Refused { .. } => Observation::Alive,
        _ => Observation::Unknown,
    };
    StopFailure::Failed {
        reason: error.to_string(),
        observed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(dir: &std::path::Path) -> ProcessHost {
        let options = Options::new("here", dir.join("hosts"));
        ProcessHost::new(&dir.display().to_string(), 2881, 2882, &options)
    }

    fn journal(host: &str, base_dir: &std::path::Path) -> String {
        let identity = Identity {
            boot_id: "boot".to_owned(),
            pid: 4711,
            start_time: 1,
            exe_dev: 1,
            exe_ino: 1,
            base_dir: base_dir.to_owned(),
            uid: 0,
        };
        let host = host.to_owned();
        serde_json::to_string(&Journaled { host, identity }).unwrap()
    }

    #[tokio::test]
    async fn a_process_that_was_found_elsewhere_is_not_gone_because_it_is_not_here() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let here = host(&real);
        assert!(here.recall(None).await.unwrap().is_none());
        let known = here.recall(Some(&journal("here", &real))).await.unwrap();
        assert_eq!(known.unwrap().pid, 4711);

        let elsewhere = [
            journal("there", &real),
            journal("here", &real.join("other")),
        ];
        for journal in elsewhere {
            let reason = here.recall(Some(&journal)).await.unwrap_err();
            assert!(reason.contains("was found in"), "{reason}");
            let sighting = here.look(Some(&journal)).await;
            assert_eq!(sighting.observation, Observation::Unknown);
        }
    }
}
