//! The kinds of subtasks: OCP's names and limits (`docs/contract.md`, "Subtasks").

use std::time::Duration;

use crate::status::UnknownWord;

/// Declares the kinds, each with OCP's name and how many seconds one run may take.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $seconds:literal;)*) => {
        /// What a subtask does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SubtaskKind {
            $($(#[$doc])* $kind,)*
        }

        impl SubtaskKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// OCP's name; also how the kind is stored. Never translated.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// How long one run may take. OCP's values; those of the `Prepare … cluster` and `Sync …` kinds, of
            /// `Set zone context` and of `Wait observer …` are ours where OCP's are unknown.
            pub fn timeout(self) -> Duration {
                Duration::from_secs(match self { $(Self::$kind => $seconds,)* })
            }
        }
    };
}

kinds! {
    /// Opens a stop of a whole cluster: says what the checks find.
    PrepareStopCluster = "Prepare stop cluster", 60;
    /// Marks a zone STOPPING, after a minor freeze of its servers where one was asked for.
    PrepareStopObZone = "Prepare stop OB zone", 1800;
    /// Joins a fan-out before the next one.
    WaitNode = "Wait node", 30;
    /// Finds a server's process and journals its identity; marks the server STOPPING.
    PrepareStopObserver = "Prepare stop observer", 300;
    /// Stops a server's process. The only destructive kind.
    StopObserverProcess = "Stop observer process", 1200;
    /// Looks again; the server is marked as it is seen.
    UpdateObserverStatus = "Update observer status", 300;
    /// Rolls the servers' statuses up into their zone's.
    UpdateZoneStatus = "Update zone status", 1800;
    /// Rolls the zones' statuses up into the cluster's.
    UpdateObClusterStatus = "Update OB cluster status", 30;
    /// Opens a start of a whole cluster.
    PrepareStartCluster = "Prepare start cluster", 60;
    /// Opens a restart of a whole cluster.
    PrepareRestartCluster = "Prepare restart cluster", 60;
    /// Opens one zone's part of a restart.
    SetZoneContext = "Set zone context", 30;
    /// Marks a zone STARTING.
    PrepareStartObZone = "Prepare start OB zone", 1800;
    /// Marks a zone RESTARTING; isolates it by SQL where zones are restarted one by one.
    PrepareRestartObZone = "Prepare restart OB zone", 1800;
    /// Looks whether a server's process runs already; marks the server STARTING.
    PrepareStartObserver = "Prepare start observer", 300;
    /// Finds a server's process and journals its identity; marks the server RESTARTING.
    PrepareRestartObserver = "Prepare restart observer", 300;
    /// Starts a server's process as it was started before.
    StartObserverProcess = "Start observer process", 1200;
    /// Waits until every server that was started answers SQL.
    WaitObserverAccessible = "Wait observer accessible", 1200;
    /// Waits until the servers that were started answer SQL and are active.
    WaitObserverActive = "Wait observer active", 1800;
    /// Waits until a server that was stopped is gone.
    WaitObserverStop = "Wait observer stop", 1800;
    /// Starts the agent beside a server, where there is one.
    StartOcpAgentService = "Start ocp agent service", 1800;
    /// Ends a server's isolation by SQL.
    StartServer = "Start server", 300;
    /// Ends a zone's isolation by SQL.
    StartZone = "Start zone", 1800;
    /// Isolates a server by SQL.
    StopServer = "Stop server", 300;
    /// Isolates a zone by SQL.
    StopZone = "Stop zone", 1800;
    /// Looks by SQL at what the cluster says of its servers.
    SyncClusterInfo = "Sync cluster info", 30;
    /// Looks by SQL at the cluster's tenants and their leaders.
    SyncAllTenantInformation = "Sync all tenant information", 30;
}

impl std::str::FromStr for SubtaskKind {
    type Err = UnknownWord;

    fn from_str(name: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().copied().find(|kind| kind.name() == name);
        found.ok_or_else(|| UnknownWord::new("SubtaskKind", name))
    }
}
