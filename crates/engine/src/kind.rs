//! The kinds of subtasks: OCP's names and limits (`docs/contract.md`, "Subtasks").

use std::time::Duration;

use crate::status::UnknownWord;

/// What a subtask does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubtaskKind {
    /// Opens a stop of a whole cluster.
    PrepareStopCluster,
    /// Marks a zone STOPPING, after a minor freeze of its servers where one was asked for.
    PrepareStopObZone,
    /// Joins a fan-out before the next one.
    WaitNode,
    /// Finds a server's process and journals its identity; marks the server STOPPING.
    PrepareStopObserver,
    /// Stops a server's process. The only destructive kind.
    StopObserverProcess,
    /// Looks again; marks the server STOPPED only if its process is gone.
    UpdateObserverStatus,
    /// Rolls the servers' statuses up into their zone's.
    UpdateZoneStatus,
    /// Rolls the zones' statuses up into the cluster's.
    UpdateObClusterStatus,
}

impl SubtaskKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::PrepareStopCluster,
        Self::PrepareStopObZone,
        Self::WaitNode,
        Self::PrepareStopObserver,
        Self::StopObserverProcess,
        Self::UpdateObserverStatus,
        Self::UpdateZoneStatus,
        Self::UpdateObClusterStatus,
    ];

    /// OCP's name; also how the kind is stored. Never translated.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrepareStopCluster => "Prepare stop cluster",
            Self::PrepareStopObZone => "Prepare stop OB zone",
            Self::WaitNode => "Wait node",
            Self::PrepareStopObserver => "Prepare stop observer",
            Self::StopObserverProcess => "Stop observer process",
            Self::UpdateObserverStatus => "Update observer status",
            Self::UpdateZoneStatus => "Update zone status",
            Self::UpdateObClusterStatus => "Update OB cluster status",
        }
    }

    /// How long one run may take. OCP's values; that of `Prepare stop cluster` is ours, OCP's is unknown.
    pub fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::WaitNode | Self::UpdateObClusterStatus => 30,
            Self::PrepareStopCluster => 60,
            Self::PrepareStopObserver | Self::UpdateObserverStatus => 300,
            Self::StopObserverProcess => 1200,
            Self::PrepareStopObZone | Self::UpdateZoneStatus => 1800,
        })
    }
}

impl std::str::FromStr for SubtaskKind {
    type Err = UnknownWord;

    fn from_str(name: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().copied().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownWord::new("SubtaskKind", name))
    }
}
