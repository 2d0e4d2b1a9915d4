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
pub(crate) use process_host::process_driver;
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
    /// Nothing but what was seen.
    fn plain(observation: Observation, text: String) -> Self {
        Self {
            observation,
            text,
            process: None,
            launch: None,
            obstacle: None,
        }
    }

    /// Nothing can be said, for this reason.
    fn unknown(reason: String) -> Self {
        Self {
            obstacle: Some(reason.clone()),
            ..Self::plain(Observation::Unknown, reason)
        }
    }
}

/// Whether a run that found a higher fence was only taken over: then its subtask goes on in another run, which says
/// how it ends. A later operation's fence is a failure, for this one's subtask has no other run.
fn is_taken_over(own: Fence, held: Fence) -> bool {
    held.generation == own.generation
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
        /// Whether the same attempt may succeed later by itself.
        transient: bool,
    },
}

impl StopFailure {
    /// Nothing was done, and nothing can be said of the server.
    fn unknown(reason: String) -> Self {
        Self::failed(reason, Observation::Unknown)
    }

    /// It failed for what no waiting helps against.
    fn failed(reason: String, observed: Observation) -> Self {
        Self::Failed {
            reason,
            observed,
            transient: false,
        }
    }
}

/// Why a server was not started.
pub(crate) enum StartFailure {
    /// The run is somebody else's.
    Lost,
    /// The run was told to stop. What had been started goes on.
    Canceled,
    /// Anything else.
    Failed {
        reason: String,
        observed: Observation,
        /// Whether the same attempt may succeed later by itself.
        transient: bool,
        /// OceanBase's number of the error, where there is one.
        code: Option<i32>,
    },
}

impl StartFailure {
    /// It failed for what no waiting helps against.
    fn failed(reason: String, observed: Observation) -> Self {
        Self::Failed {
            reason,
            observed,
            transient: false,
            code: None,
        }
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

    /// Looks whether the server runs, without asking who would start it again: for looks that come every few
    /// seconds.
    pub(crate) async fn glance(&self) -> Sighting {
        match self {
            Self::Process(host) => host.glance().await,
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
            Self::Simulated(host) => {
                host.stop(context.fence(), context.log, context.cancel)
                    .await
            }
        }
    }

    /// Starts the server, or finds that it runs already, and returns when it has stayed for a while, with what
    /// is to be journaled of its process. Whether it serves is another question: see [`crate::sql`].
    ///
    /// `launch` is what the journal keeps of how it ran before.
    pub(crate) async fn start(
        &self,
        context: &Context<'_>,
        server: &Server,
        launch: Option<&str>,
    ) -> Result<Sighting, StartFailure> {
        match self {
            Self::Process(host) => host.start(context, server, launch).await,
            Self::Simulated(_) if context.assignment.process.is_some() => {
                Err(StartFailure::failed(no_longer_real(), Observation::Unknown))
            }
            Self::Simulated(host) => host.start(context.fence(), context.log).await,
        }
    }

    /// Whether the task found the server running and stopped it, or may have begun to.
    pub(crate) async fn was_stopped_by(&self, context: &Context<'_>) -> bool {
        match self {
            Self::Process(_) => context.assignment.process.is_some(),
            Self::Simulated(host) => host.was_stopped_in(context.fence().generation).await,
        }
    }

    /// Whether the process that was just seen is one that the task started.
    pub(crate) async fn was_started_by(&self, context: &Context<'_>, seen: &Sighting) -> bool {
        match self {
            Self::Process(host) => host.was_started_by(context, seen).await,
            Self::Simulated(host) => host.was_started_in(context.fence().generation).await,
        }
    }

    /// Keeps runs with a lower fence from acting on the host any more.
    pub(crate) async fn raise_fence(&self, fence: Fence) -> Result<(), String> {
        match self {
            Self::Process(host) => host.raise_fence(fence).await,
            Self::Simulated(host) => host.raise_fence(fence).await,
        }
    }
}

/// A driver that was exchanged under a running task must not make a real server look stopped.
fn no_longer_real() -> String {
    "the server was a real process when this task found it and has a simulated driver since: \
     give it its process driver back, then retry"
        .to_owned()
}
