//! How a subtask touches a server's host.

pub mod process;
mod simulated;

use std::path::PathBuf;

use process::{Finding, Identity, Ladder, Owner, ProcessDriver, StopError, StopOrder, Target};
use slacktide_engine::{
    cluster::{Driver, Server},
    commit::Observation,
    fence::Fence,
    status::StopMode,
};

use slacktide_store::NewServer;

use crate::{options::Options, run::Context};
use simulated::Simulated;

/// The host of one server, reached by the driver that the server was registered with.
pub(crate) enum Host {
    Process(Box<ProcessDriver>),
    Simulated(Simulated),
}

/// What a look at a host found.
pub(crate) struct Sighting {
    pub(crate) observation: Observation,
    /// A line for the log.
    pub(crate) text: String,
    /// Identity of the process, as the journal keeps it.
    pub(crate) process: Option<String>,
    /// What it takes to start the process again, as the journal keeps it.
    pub(crate) launch: Option<String>,
    /// What forbids a stop, for the operator.
    pub(crate) obstacle: Option<String>,
}

/// Why a server was not stopped.
pub(crate) enum StopFailure {
    /// The run is somebody else's.
    Lost,
    /// The run was told to stop.
    Canceled,
    /// Anything else.
    Failed {
        reason: String,
        observed: Observation,
    },
}

/// Whether an executor with these options may read, lock and signal what a server that is to be registered
/// names. A server that is down is fine.
///
/// # Errors
/// What is missing, for the operator.
pub async fn check_host(server: &NewServer, options: &Options) -> Result<(), String> {
    match &server.driver {
        Driver::Process { base_dir, .. } => {
            let driver = process_driver(base_dir, server.sql_port, server.rpc_port, options);
            driver.check().await.map_err(|error| error.to_string())
        }
        Driver::Simulated { .. } => Ok(()),
    }
}

fn process_driver(
    base_dir: &str,
    sql_port: u16,
    rpc_port: u16,
    options: &Options,
) -> ProcessDriver {
    let base_dir = PathBuf::from(base_dir);
    let target = Target {
        base_dir,
        sql_port,
        rpc_port,
    };
    ProcessDriver::new(target, &options.state_dir.join("process"))
}

impl Host {
    pub(crate) fn of(server: &Server, options: &Options) -> Self {
        match &server.driver {
            Driver::Process { base_dir, .. } => Self::Process(Box::new(process_driver(
                base_dir,
                server.sql_port,
                server.rpc_port,
                options,
            ))),
            Driver::Simulated {
                stop_ms,
                fail_stops,
                hang,
            } => Self::Simulated(Simulated::new(
                server.id,
                &options.state_dir.join("simulated"),
                simulated::Behaviour {
                    stop_ms: *stop_ms,
                    fail_stops: *fail_stops,
                    hang: *hang,
                },
            )),
        }
    }

    /// Looks. `known`: whether a process of this server was found here before, so that its base directory is
    /// proven right; a port that a stranger has taken since then says nothing about the server.
    pub(crate) async fn look(&self, known: bool) -> Sighting {
        match self {
            Self::Process(driver) => sighting(driver.look().await, known),
            Self::Simulated(host) => host.look().await,
        }
    }

    /// Stops the server, and returns when it is proven gone, with a line for the log.
    pub(crate) async fn stop(&self, context: &Context<'_>) -> Result<String, StopFailure> {
        match self {
            Self::Process(driver) => stop_process(driver, context).await,
            Self::Simulated(host) => host.stop(context).await,
        }
    }

    /// Keeps runs with a lower fence from acting on the host any more.
    pub(crate) async fn raise_fence(&self, fence: Fence) -> Result<(), String> {
        match self {
            Self::Process(driver) => driver.raise_fence(fence).await.map_err(|e| e.to_string()),
            Self::Simulated(_) => Ok(()),
        }
    }
}

async fn stop_process(
    driver: &ProcessDriver,
    context: &Context<'_>,
) -> Result<String, StopFailure> {
    let identity = match &context.assignment.process {
        None => None,
        Some(journaled) => match serde_json::from_str::<Identity>(journaled) {
            Ok(identity) => Some(identity),
            Err(error) => {
                return Err(StopFailure::Failed {
                    reason: format!("the journal of the server's process cannot be read: {error}"),
                    observed: Observation::Unknown,
                });
            }
        },
    };
    let options = context.worker.options();
    let ladder = match context.assignment.task.options.mode {
        StopMode::Graceful => Ladder::graceful(options.limits),
        StopMode::Immediate => Ladder::immediate(options.limits),
    };
    let stopping = driver.stop(StopOrder {
        identity,
        fence: context.fence(),
        ladder,
        watch: options.watch_window,
        log: context.log,
        intents: context.intents,
        cancel: context.cancel,
    });
    match stopping.await {
        Ok(stopped) if stopped.already_gone => Ok("the server was down already".to_owned()),
        Ok(stopped) => Ok(format!(
            "the server is gone after {} ms",
            stopped.took.as_millis()
        )),
        Err(StopError::RunLost(_)) => Err(StopFailure::Lost),
        Err(StopError::Canceled { .. }) => Err(StopFailure::Canceled),
        Err(error) => {
            let observed = match &error {
                StopError::Restarted(_)
                | StopError::Multiple(_)
                | StopError::OwnedBySystemd { .. }
                | StopError::StillAlive { .. }
                | StopError::Refused { .. } => Observation::Alive,
                _ => Observation::Unknown,
            };
            Err(StopFailure::Failed {
                reason: error.to_string(),
                observed,
            })
        }
    }
}

fn sighting(finding: Finding, known: bool) -> Sighting {
    let text = finding.to_string();
    let (observation, process, obstacle) = match finding {
        Finding::None => (Observation::Gone, None, None),
        Finding::Foreign(_) if known => (Observation::Gone, None, None),
        Finding::One(process) => {
            let obstacle = match &process.owner {
                Owner::Systemd { unit } => Some(format!(
                    "the systemd unit {unit} owns the process and would start it again: \
                     run `systemctl stop {unit}`, then retry"
                )),
                _ => None,
            };
            (Observation::Alive, Some(process), obstacle)
        }
        Finding::Multiple(_) => (
            Observation::Alive,
            None,
            Some(format!(
                "{text}; decide by hand which one to keep, end the others, then retry"
            )),
        ),
        Finding::Foreign(_) => (
            Observation::Unknown,
            None,
            Some(format!(
                "{text}; correct base_dir or the ports, or end that process, then retry"
            )),
        ),
        Finding::Unknown { .. } => (Observation::Unknown, None, Some(text.clone())),
    };
    let launch = process
        .as_ref()
        .and_then(|p| serde_json::to_string(&p.launch).ok());
    let process = process
        .as_ref()
        .and_then(|p| serde_json::to_string(&p.identity).ok());
    Sighting {
        observation,
        text,
        process,
        launch,
        obstacle,
    }
}
