//! Statuses and operations, spelled as OCP spells them.

/// Declares an enum that is stored, sent and shown as a word.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(UnknownWord::new(stringify!($name), word)),
                }
            }
        }
    )*};
}

/// A word that is none of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a {kind}")]
pub struct UnknownWord {
    kind: &'static str,
    word: String,
}

impl UnknownWord {
    pub(crate) fn new(kind: &'static str, word: &str) -> Self {
        Self {
            kind,
            word: word.to_owned(),
        }
    }
}

words! {
    /// How a task stands.
    TaskStatus {
        /// Subtasks run or wait to run.
        Running = "RUNNING",
        /// A subtask failed and none is READY, RUNNING or CANCELING. The task keeps its cluster.
        Failed = "FAILED",
        /// Every subtask succeeded.
        Successful = "SUCCESSFUL",
    }

    /// How a subtask stands.
    SubtaskStatus {
        /// Waits for its upstreams.
        Pending = "PENDING",
        /// Its upstreams succeeded; waits for an executor.
        Ready = "READY",
        /// An executor runs it.
        Running = "RUNNING",
        /// Cancellation was asked for.
        Canceling = "CANCELING",
        /// Ended without success.
        Failed = "FAILED",
        /// Ended with success.
        Successful = "SUCCESSFUL",
    }

    /// What a task or subtask is doing or did last.
    Operation {
        /// The first run.
        Execute = "EXECUTE",
        /// A run after a failure.
        Retry = "RETRY",
        /// Undoes what was done.
        Rollback = "ROLLBACK",
        /// Passed over on an operator's word.
        Skip = "SKIP",
        /// Ended on an operator's word or because its time was over.
        Cancel = "CANCEL",
    }

    /// What a cluster, a zone or a server is doing.
    ResourceStatus {
        /// Runs, as far as was observed.
        Running = "RUNNING",
        /// A stop task is working on it.
        Stopping = "STOPPING",
        /// Every process was observed to be gone.
        Stopped = "STOPPED",
        /// Not all of it runs, or it could not be observed.
        Unavailable = "UNAVAILABLE",
        /// A start task is working on it.
        Starting = "STARTING",
        /// A restart task is working on it.
        Restarting = "RESTARTING",
        /// A task is working on a part of it.
        Operating = "OPERATING",
    }

    /// How hard servers are stopped.
    StopMode {
        /// The server's ordered shutdown first, then ever harder.
        Graceful = "GRACEFUL",
        /// At once. No acknowledged write is lost: redo is durable.
        Immediate = "IMMEDIATE",
    }

    /// What an operation does.
    TaskKind {
        /// Stops every server of a cluster.
        StopCluster = "STOP_CLUSTER",
        /// Starts every server of a cluster.
        StartCluster = "START_CLUSTER",
        /// Stops and starts every server of a cluster, zone by zone where there are enough zones.
        RestartCluster = "RESTART_CLUSTER",
        /// Stops the servers of one zone.
        StopZone = "STOP_ZONE",
        /// Starts the servers of one zone.
        StartZone = "START_ZONE",
        /// Stops and starts the servers of one zone.
        RestartZone = "RESTART_ZONE",
        /// Stops one server.
        StopServer = "STOP_SERVER",
        /// Starts one server.
        StartServer = "START_SERVER",
        /// Stops and starts one server.
        RestartServer = "RESTART_SERVER",
    }
}

impl SubtaskStatus {
    /// Whether an executor has it or may take it: READY, RUNNING or CANCELING.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Ready | Self::Running | Self::Canceling)
    }
}

/// What an operation wants of the servers that it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// No process.
    Stop,
    /// A process.
    Start,
    /// Another process.
    Restart,
}

/// How much of a cluster an operation works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Cluster,
    /// One zone.
    Zone,
    /// One server.
    Server,
}

impl TaskKind {
    /// OCP's name of the operation. Never translated.
    pub fn name(self) -> &'static str {
        match self {
            Self::StopCluster => "Stop OB cluster",
            Self::StartCluster => "Start OB cluster",
            Self::RestartCluster => "Restart OB cluster",
            Self::StopZone => "Stop OB zone",
            Self::StartZone => "Start OB zone",
            Self::RestartZone => "Restart OB zone",
            Self::StopServer => "Stop OB server",
            Self::StartServer => "Start OB server",
            Self::RestartServer => "Restart OB server",
        }
    }

    /// What it wants of the servers.
    pub fn goal(self) -> Goal {
        match self {
            Self::StopCluster | Self::StopZone | Self::StopServer => Goal::Stop,
            Self::StartCluster | Self::StartZone | Self::StartServer => Goal::Start,
            Self::RestartCluster | Self::RestartZone | Self::RestartServer => Goal::Restart,
        }
    }

    /// How much of the cluster it works on.
    pub fn extent(self) -> Extent {
        match self {
            Self::StopCluster | Self::StartCluster | Self::RestartCluster => Extent::Cluster,
            Self::StopZone | Self::StartZone | Self::RestartZone => Extent::Zone,
            Self::StopServer | Self::StartServer | Self::RestartServer => Extent::Server,
        }
    }
}

impl TaskKind {
    /// The status of the cluster while a task of this kind holds it.
    pub fn holds(self) -> ResourceStatus {
        match self.extent() {
            Extent::Cluster => self.goal().under_way(),
            Extent::Zone | Extent::Server => ResourceStatus::Operating,
        }
    }
}

impl Goal {
    /// What the things that an operation works on are called meanwhile.
    pub fn under_way(self) -> ResourceStatus {
        match self {
            Self::Stop => ResourceStatus::Stopping,
            Self::Start => ResourceStatus::Starting,
            Self::Restart => ResourceStatus::Restarting,
        }
    }

    /// What they are called once it is reached.
    pub fn reached(self) -> ResourceStatus {
        match self {
            Self::Stop => ResourceStatus::Stopped,
            Self::Start | Self::Restart => ResourceStatus::Running,
        }
    }
}
