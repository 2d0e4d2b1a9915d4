//! What a watch must see to end well.

use slacktide_api::v1::{
    Cluster, ClusterStatus, Operation, ServerStatus, Task, TaskStatus, ZoneStatus,
};

use super::super::{
    places,
    text::{self, Word},
};

/// What a watch must see to end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Goal {
    /// The task is SUCCESSFUL, and not by rolling back.
    Done,
    /// The same, and what it was to change stands as it was to.
    Reached(Target),
    /// What the task's own operation is for: [`Goal::Reached`] by its name, or [`Goal::RolledBack`] if it is
    /// being rolled back.
    AsAsked,
    /// The task is SUCCESSFUL by rolling back.
    RolledBack,
    /// The task ended before it was done.
    Canceled,
}

/// What is to stand how once a task is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Target {
    Cluster(ClusterStatus),
    /// A zone, by name.
    Zone(String, ZoneStatus),
    /// A server, by id.
    Server(i64, ServerStatus),
}

impl Goal {
    /// The goal for this task, with [`Goal::AsAsked`] made plain.
    pub(super) fn of(self, task: &Task) -> Self {
        match self {
            Self::AsAsked if task.operation() == Operation::Rollback => Self::RolledBack,
            Self::AsAsked => target(task).map_or(Self::Done, Self::Reached),
            plain => plain,
        }
    }

    /// Whether the task ended as it had to.
    pub(super) fn is_met_by(&self, task: &Task) -> bool {
        let back = task.operation() == Operation::Rollback;
        match self {
            Self::Canceled => task.status() == TaskStatus::Failed,
            Self::RolledBack => task.status() == TaskStatus::Successful && back,
            Self::Done | Self::Reached(_) | Self::AsAsked => {
                task.status() == TaskStatus::Successful && !back
            }
        }
    }
}

/// What the operation that a task's name says leaves behind.
fn target(task: &Task) -> Option<Target> {
    let single = |key| task.context.as_ref()?.string_map.get(key);
    let stops = task.name.starts_with("Stop ");
    if task.name.ends_with(" cluster") {
        let status = if stops {
            ClusterStatus::Stopped
        } else {
            ClusterStatus::Running
        };
        return Some(Target::Cluster(status));
    }
    if task.name.ends_with(" zone") {
        let status = if stops {
            ZoneStatus::Stopped
        } else {
            ZoneStatus::Running
        };
        return Some(Target::Zone(single("zone_name")?.clone(), status));
    }
    let status = if stops {
        ServerStatus::Stopped
    } else {
        ServerStatus::Running
    };
    Some(Target::Server(single("server_id")?.parse().ok()?, status))
}

impl Target {
    /// How this is not so in the cluster as it is now, told once: without what `known` says already.
    pub(super) fn fault(&self, cluster: &Cluster, known: &str) -> Option<String> {
        match self {
            Self::Cluster(wanted) => {
                let what = format!("cluster {}", cluster.id);
                unlike(
                    &what,
                    cluster.status(),
                    *wanted,
                    &cluster.status_reason,
                    known,
                )
            }
            Self::Zone(name, wanted) => {
                let what = format!("zone {name} of cluster {}", cluster.id);
                let Some(zone) = cluster.zones.iter().find(|zone| zone.name == *name) else {
                    return Some(format!("{what} is no more"));
                };
                unlike(&what, zone.status(), *wanted, "", known)
            }
            Self::Server(id, wanted) => {
                let mut servers = cluster.zones.iter().flat_map(|zone| &zone.servers);
                let Some(server) = servers.find(|server| server.id == *id) else {
                    return Some(format!("server {id} of cluster {} is no more", cluster.id));
                };
                let what = format!("server {}", places::address(server));
                unlike(
                    &what,
                    server.status(),
                    *wanted,
                    &server.status_reason,
                    known,
                )
            }
        }
    }
}

fn unlike<S: Word + Copy + PartialEq>(
    what: &str,
    is: S,
    wanted: S,
    reason: &str,
    known: &str,
) -> Option<String> {
    let told = reason.is_empty() || !known.is_empty() && reason.contains(known);
    let why = if told {
        String::new()
    } else {
        format!(": {}", text::one_line(reason))
    };
    (is != wanted).then(|| format!("{what} is {}, not {}{why}", is.word(), wanted.word()))
}

#[cfg(test)]
mod tests {
    use slacktide_api::v1::{Server, TaskContext, Zone};

    use super::*;

    fn task(name: &str, context: &[(&str, &str)]) -> Task {
        let pairs = context.iter();
        let string_map = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Task {
            name: name.to_owned(),
            status: TaskStatus::Successful.into(),
            operation: Operation::Execute.into(),
            context: Some(TaskContext {
                string_map: string_map.collect(),
                ..TaskContext::default()
            }),
            ..Task::default()
        }
    }

    #[test]
    fn each_operation_is_for_a_status() {
        let zone = [("zone_name", "zone1")];
        let server = [("zone_name", "zone1"), ("server_id", "5")];
        let zone1 = |status| Target::Zone("zone1".to_owned(), status);
        for (task, target) in [
            (
                task("Stop OB cluster", &[]),
                Target::Cluster(ClusterStatus::Stopped),
            ),
            (
                task("Start OB cluster", &[]),
                Target::Cluster(ClusterStatus::Running),
            ),
            (
                task("Restart OB cluster", &[]),
                Target::Cluster(ClusterStatus::Running),
            ),
            (task("Stop OB zone", &zone), zone1(ZoneStatus::Stopped)),
            (task("Restart OB zone", &zone), zone1(ZoneStatus::Running)),
            (
                task("Stop OB server", &server),
                Target::Server(5, ServerStatus::Stopped),
            ),
            (
                task("Start OB server", &server),
                Target::Server(5, ServerStatus::Running),
            ),
        ] {
            assert_eq!(
                Goal::AsAsked.of(&task),
                Goal::Reached(target),
                "{}",
                task.name
            );
        }
    }

    #[test]
    fn a_task_that_goes_back_is_to_be_rolled_back() {
        let back = Task {
            operation: Operation::Rollback.into(),
            ..task("Stop OB cluster", &[])
        };
        assert_eq!(Goal::AsAsked.of(&back), Goal::RolledBack);
        assert!(Goal::RolledBack.is_met_by(&back));
        assert!(!Goal::Done.is_met_by(&back));
        assert!(!Goal::RolledBack.is_met_by(&task("Stop OB cluster", &[])));
    }

    #[test]
    fn a_task_that_was_done_before_it_was_canceled_is_not_canceled() {
        let done = task("Stop OB cluster", &[]);
        let failed = Task {
            status: TaskStatus::Failed.into(),
            ..done.clone()
        };
        assert!(Goal::Canceled.is_met_by(&failed));
        assert!(!Goal::Canceled.is_met_by(&done));
    }

    #[test]
    fn zones_and_servers_are_judged_by_their_own_status() {
        let server = Server {
            id: 5,
            ip: "127.0.0.1".to_owned(),
            sql_port: 2881,
            status: ServerStatus::Unavailable.into(),
            status_reason: "no such directory".to_owned(),
            ..Server::default()
        };
        let cluster = Cluster {
            id: 3,
            status: ClusterStatus::Unavailable.into(),
            zones: vec![Zone {
                name: "zone1".to_owned(),
                status: ZoneStatus::Stopped.into(),
                servers: vec![server],
                ..Zone::default()
            }],
            ..Cluster::default()
        };
        let fault = |target: Target| target.fault(&cluster, "");
        assert_eq!(
            fault(Target::Zone("zone1".to_owned(), ZoneStatus::Stopped)),
            None
        );
        assert_eq!(
            fault(Target::Zone("zone2".to_owned(), ZoneStatus::Stopped)).unwrap(),
            "zone zone2 of cluster 3 is no more"
        );
        assert_eq!(
            fault(Target::Server(5, ServerStatus::Stopped)).unwrap(),
            "server 127.0.0.1:2881 is UNAVAILABLE, not STOPPED: no such directory"
        );
        assert_eq!(
            fault(Target::Server(6, ServerStatus::Stopped)).unwrap(),
            "server 6 of cluster 3 is no more"
        );
    }
}
