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
    }
}

impl SubtaskStatus {
    /// Whether an executor has it or may take it: READY, RUNNING or CANCELING.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Ready | Self::Running | Self::Canceling)
    }
}

impl TaskKind {
    /// OCP's name of the operation. Never translated.
    pub fn name(self) -> &'static str {
        match self {
            Self::StopCluster => "Stop OB cluster",
        }
    }
}
