//! How a subtask touches a server's host.

pub mod process;
mod process_host;
mod simulated;

use slacktide_engine::{
    cluster::{Driver, Server},
    commit::Observation,
    fence::Fence,
};

use crate::{options::Options, run::Context};
use process_host::ProcessHost;
pub use process_host::check_host;
use simulated::Simulated;

/// The host of one server, reached by the driver that the server was registered with.
pub(crate) enum Host {
    Process(ProcessHost),
    Simulated(Simulated),
}

/// What a look at a host found.
pub(crate) struct Sighting {
    pub(crate) observation: Observation,
    /// A line for the log.
    pub(crate) text: String,
    /// Who the process is, as the journal keeps it.
    pub(crate) process: Option<String>,
    /// What it takes to start the process again, as the journal keeps it.
    pub(crate) launch: Option<String>,
    /// What forbids a stop, for the operator.
    pub(crate) obstacle: Option<String>,
}

impl Sighting {
    /// Nothing can be said, for this reason.
    fn unknown(reason: String) -> Self {
        Self {
            observation: Observation::Unknown,
            text: reason.clone(),
            process: None,
            launch: None,
            obstacle: Some(reason),
        }
    }
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

impl StopFailure {
    /// Nothing was done, and nothing can be said of the server.
    fn unknown(reason: String) -> Self {
        let observed = Observation::Unknown;
        Self::Failed { reason, observed }
    }
}

impl Host {
    pub(crate) fn of(server: &Server, options: &Options) -> Self {
        match &server.driver {
            Driver::Process { base_dir, .. } => Self::Process(ProcessHost::new(
                base_dir,
                server.sql_port,
                server.rpc_port,
                options,
            )),
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

    /// Looks. `journal` is what the task wrote down of the server's process earlier, if it has looked before.
    pub(crate) async fn look(&self, journal: Option<&str>) -> Sighting {
        match self {
            Self::Process(host) => host.look(journal).await,
            Self::Simulated(_) if journal.is_some() => Sighting::unknown(no_longer_real()),
            Self::Simulated(host) => host.look().await,
        }
    }

    /// Stops the server, and returns when it is proven gone, with a line for the log.
    pub(crate) async fn stop(&self, context: &Context<'_>) -> Result<String, StopFailure> {
        match self {
            Self::Process(host) => host.stop(context).await,
            Self::Simulated(_) if context.assignment.process.is_some() => {
                Err(StopFailure::unknown(no_longer_real()))
            }
            Self::Simulated(host) => host.stop(context).await,
        }
    }

    /// Keeps runs with a lower fence from acting on the host any more.
    pub(crate) async fn raise_fence(&self, fence: Fence) -> Result<(), String> {
        match self {
            Self::Process(host) => host.raise_fence(fence).await,
            Self::Simulated(_) => Ok(()),
        }
    }
}

/// A driver that was exchanged under a running task must not make a real server look stopped.
fn no_longer_real() -> String {
    "the server was a real process when this task found it and has a simulated driver since: \
     give it its process driver back, then retry"
        .to_owned()
}
