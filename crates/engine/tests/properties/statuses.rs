//! What servers, zones and the cluster must be called after a commit, told from what happened alone.

use std::collections::BTreeMap;

use slacktide_engine::{
    cluster::Cluster,
    commit::{Change, Event, Observation, Outcome, ServerRow},
    id::{ServerId, SubtaskId, ZoneId},
    kind::SubtaskKind::{self, *},
    revision::Changed,
    status::{
        Extent, Goal, Operation,
        ResourceStatus::{self, Operating, Running, Stopped, Unavailable},
        SubtaskStatus, TaskStatus,
    },
};

use crate::world::World;

/// The statuses of a cluster and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statuses {
    pub(crate) servers: BTreeMap<ServerId, ResourceStatus>,
    pub(crate) zones: BTreeMap<ZoneId, ResourceStatus>,
    pub(crate) cluster: ResourceStatus,
    /// Why the cluster is so.
    pub(crate) reason: String,
    zone_of: BTreeMap<ServerId, ZoneId>,
}

impl Statuses {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let zones = || cluster.zones.iter();
        let of_zone = zones().flat_map(|zone| zone.servers.iter().map(|s| (s.id, zone.id)));
        Self {
            servers: cluster.servers().map(|s| (s.id, s.status)).collect(),
            zones: zones().map(|zone| (zone.id, zone.status)).collect(),
            cluster: cluster.status,
            reason: String::new(),
            zone_of: of_zone.collect(),
        }
    }

    /// The servers as a commit reads them.
    pub(crate) fn rows(&self) -> Vec<ServerRow> {
        let row = |(id, status): (&ServerId, &ResourceStatus)| ServerRow {
            id: *id,
            zone: self.zone_of[id],
            status: *status,
        };
        self.servers.iter().map(row).collect()
    }

    pub(crate) fn write(&mut self, change: &Change) {
        for server in &change.servers {
            *self.servers.get_mut(&server.id).unwrap() = server.status;
            if server.status == Unavailable {
                assert_ne!(server.reason, "", "server {}", server.id);
            }
        }
        for zone in &change.zones {
            *self.zones.get_mut(&zone.id).unwrap() = zone.status;
        }
        if let Some(cluster) = &change.cluster {
            assert_eq!(cluster.id, change.task.cluster.id);
            (self.cluster, self.reason) = (cluster.status, cluster.reason.clone());
        }
    }

    /// The same statuses, whatever the reasons.
    pub(crate) fn assert_same(&self, expected: &Self) {
        assert_eq!(
            (&self.servers, &self.zones, self.cluster),
            (&expected.servers, &expected.zones, expected.cluster)
        );
    }

    fn roll_up_zone(&mut self, zone: ZoneId, extent: Extent) {
        let parts = self
            .servers
            .iter()
            .filter(|(id, _)| self.zone_of[id] == zone);
        let status = whole(parts.map(|(_, status)| *status), extent == Extent::Server);
        self.zones.insert(zone, status);
    }

    fn roll_up_cluster(&mut self, extent: Extent) {
        let parts = self.servers.values().copied();
        self.cluster = whole(parts, extent != Extent::Cluster);
    }
}

/// What a whole is called: of parts that run and parts that do not it runs, where that was `meant`.
fn whole(parts: impl Iterator<Item = ResourceStatus>, meant: bool) -> ResourceStatus {
    let parts: Vec<_> = parts.collect();
    let are = |status: &[ResourceStatus]| parts.iter().all(|part| status.contains(part));
    if are(&[Stopped]) {
        Stopped
    } else if are(&[Running]) || (meant && are(&[Running, Stopped])) {
        Running
    } else {
        Unavailable
    }
}

/// How an event ended a run, or a wait for one.
struct Ended {
    succeeded: bool,
    observed: Option<Observation>,
}

/// What an event ended. A failure after which the subtask runs again by itself is no end.
fn ends(before: &World, event: &Event) -> BTreeMap<SubtaskId, Ended> {
    let failed = |observed| Ended {
        succeeded: false,
        observed,
    };
    let canceling = |id: &SubtaskId| before.subtasks[id].state.status == SubtaskStatus::Canceling;
    let (id, ended) = match event {
        Event::Finish {
            subtask,
            outcome: Outcome { result, observed },
            ..
        } => match result {
            _ if canceling(subtask) => (subtask, failed(*observed)),
            Err(failure) if failure.transient && before.subtasks[subtask].auto_retries < 2 => {
                return BTreeMap::new();
            }
            result => {
                let (succeeded, observed) = (result.is_ok(), *observed);
                let ended = Ended {
                    succeeded,
                    observed,
                };
                (subtask, ended)
            }
        },
        Event::HandBack { subtask, .. } if canceling(subtask) => (subtask, failed(None)),
        Event::Expire {
            subtask, observed, ..
        } => (subtask, failed(*observed)),
        Event::Abandon { runs, .. } => {
            let present = |(id, epoch): &&(SubtaskId, i64)| {
                let row = &before.subtasks[id];
                let status = row.state.status;
                matches!(status, SubtaskStatus::Running | SubtaskStatus::Canceling)
                    && row.epoch == *epoch
            };
            let abandoned = runs.iter().filter(present);
            return abandoned
                .map(|(id, _)| (*id, failed(Some(Observation::Unknown))))
                .collect();
        }
        Event::Strand { subtasks, .. } => {
            let ready = |id: &&SubtaskId| before.subtasks[id].state.status == SubtaskStatus::Ready;
            let stranded = subtasks.iter().filter(ready);
            return stranded
                .map(|id| (*id, failed(Some(Observation::Unknown))))
                .collect();
        }
        _ => return BTreeMap::new(),
    };
    BTreeMap::from([(*id, ended)])
}

/// The statuses after a commit, from those before it. The reason is left as the commit has it.
pub(crate) fn after(before: &World, event: &Event, change: &Change) -> Statuses {
    let mut statuses = before.statuses.clone();
    let (goal, extent) = (before.task.kind.goal(), before.task.kind.extent());
    let is_rollback = before.task.state.operation == Operation::Rollback;
    for (id, ended) in ends(before, event) {
        let row = &before.subtasks[&id];
        let skipped = row.state.operation == Operation::Skip;
        let as_seen = is_rollback || skipped || !ended.succeeded;
        let became = match ended.observed {
            _ if !LOOKING.contains(&row.kind) => None,
            observed if as_seen => Some(match observed {
                Some(Observation::Alive) => Running,
                Some(Observation::Gone) if is_rollback && goal != Goal::Start => Unavailable,
                Some(Observation::Gone) => Stopped,
                _ => Unavailable,
            }),
            observed => on_success(row.kind, goal, observed),
        };
        if let (Some(server), Some(status)) = (row.server, became) {
            statuses.servers.insert(server, status);
        }
    }

    for revision in &change.revisions {
        match &revision.what {
            // What is marked to be undone has not succeeded just now.
            Changed::Subtask(id, state)
                if state.status == SubtaskStatus::Successful
                    && state.operation != Operation::Rollback =>
            {
                let row = &before.subtasks[id];
                match (row.kind, row.zone) {
                    (UpdateObClusterStatus, _) => {
                        statuses.roll_up_cluster(extent);
                        // A stop of a cluster comes to STOPPED, or else something is amiss.
                        let stops = (goal, extent) == (Goal::Stop, Extent::Cluster);
                        if stops && statuses.cluster != Stopped {
                            statuses.cluster = Unavailable;
                        }
                    }
                    (UpdateZoneStatus, Some(zone)) => statuses.roll_up_zone(zone, extent),
                    (PrepareStopObZone | PrepareStartObZone | PrepareRestartObZone, Some(zone)) => {
                        statuses.zones.insert(zone, goal.under_way());
                    }
                    (kind, Some(zone)) if PREPARES.contains(&kind) && extent == Extent::Server => {
                        statuses.zones.insert(zone, Operating);
                    }
                    _ => {}
                }
            }
            Changed::Task(state) => match state.status {
                TaskStatus::Running | TaskStatus::Failed => {
                    assert_eq!(statuses.cluster, before.task.kind.holds());
                }
                TaskStatus::Successful if state.operation == Operation::Rollback => {
                    let zones: Vec<_> = statuses.zones.keys().copied().collect();
                    for zone in zones {
                        if before.task.zone.is_none_or(|own| own == zone) {
                            statuses.roll_up_zone(zone, extent);
                        }
                    }
                    statuses.roll_up_cluster(extent);
                }
                TaskStatus::Successful => {}
            },
            Changed::Subtask(..) => {}
        }
    }
    statuses
}

const PREPARES: [SubtaskKind; 3] = [
    PrepareStopObserver,
    PrepareStartObserver,
    PrepareRestartObserver,
];

/// The kinds whose runs look at a server.
const LOOKING: [SubtaskKind; 7] = [
    PrepareStopObserver,
    PrepareStartObserver,
    PrepareRestartObserver,
    StopObserverProcess,
    StartObserverProcess,
    WaitObserverStop,
    UpdateObserverStatus,
];

fn on_success(
    kind: SubtaskKind,
    goal: Goal,
    observed: Option<Observation>,
) -> Option<ResourceStatus> {
    match (kind, observed) {
        (kind, _) if PREPARES.contains(&kind) => Some(goal.under_way()),
        // A restart stops it on the way, which is not what it then is.
        (StopObserverProcess, Some(Observation::Gone)) if goal == Goal::Stop => Some(Stopped),
        (UpdateObserverStatus, Some(Observation::Gone)) => Some(Stopped),
        (UpdateObserverStatus, Some(Observation::Alive)) => Some(Running),
        (UpdateObserverStatus, _) => Some(Unavailable),
        _ => None,
    }
}
