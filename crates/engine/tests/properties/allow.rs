//! Which operation is allowed when: the whole table.

use slacktide_engine::{
    allow::{Refusal, Subject, allow, allow_unregister},
    cluster::Cluster,
    id::TaskId,
    status::{
        Goal,
        ResourceStatus::{
            self, Operating, Restarting, Running, Starting, Stopped, Stopping, Unavailable,
        },
    },
};

use crate::topology::{GOALS, Part, account, simulated};

/// From a status, what may be asked for: a stop, a start, a restart.
const TABLE: [(ResourceStatus, [bool; 3]); 7] = [
    (Running, [true, false, true]),
    (Stopping, [false; 3]),
    (Stopped, [false, true, false]),
    (Unavailable, [true, true, true]),
    (Starting, [false; 3]),
    (Restarting, [false; 3]),
    (Operating, [false; 3]),
];

/// Clusters of whose parts something may be asked for: one that is stopped as a whole is started as a whole.
const SERVING: [ResourceStatus; 2] = [Running, Unavailable];

/// Two servers in zone 1, one in zone 2.
fn cluster(status: ResourceStatus, zone: ResourceStatus, server: ResourceStatus) -> Cluster {
    let mut cluster = simulated(&[2, 1]);
    cluster.status = status;
    cluster.zones[0].status = zone;
    cluster.zones[0].servers[0].status = server;
    cluster
}

fn subject(cluster: &Cluster, part: Part) -> Subject<'_> {
    let zone = &cluster.zones[0];
    match part {
        Part::Cluster => Subject::Cluster,
        Part::Zone(_) => Subject::Zone(zone),
        Part::Server(..) => Subject::Server(zone, &zone.servers[0]),
    }
}

const PARTS: [Part; 3] = [Part::Cluster, Part::Zone(0), Part::Server(0, 0)];

/// What the table says, the cluster's status first.
fn expected(cluster: &Cluster, goal: usize, part: Part) -> Result<(), Refusal> {
    let allows = |status| {
        let row = TABLE.iter().find(|(of, _)| *of == status);
        row.unwrap().1[goal]
    };
    let zone = &cluster.zones[0];
    let of_cluster = match part {
        Part::Cluster => allows(cluster.status),
        Part::Zone(_) | Part::Server(..) => SERVING.contains(&cluster.status),
    };
    if !of_cluster {
        return Err(Refusal::Status {
            name: "ob_demo".to_owned(),
            status: cluster.status,
        });
    }
    match part {
        Part::Zone(_) if !allows(zone.status) => Err(Refusal::ZoneStatus {
            name: "zone1".to_owned(),
            status: zone.status,
        }),
        Part::Server(..) if !allows(zone.servers[0].status) => Err(Refusal::ServerStatus {
            address: "127.0.0.1:2881".to_owned(),
            status: zone.servers[0].status,
        }),
        _ => Ok(()),
    }
}

#[test]
fn every_operation_in_every_state_is_allowed_or_refused_as_the_table_says() {
    assert_eq!(ResourceStatus::ALL, TABLE.map(|(status, _)| status));
    let holder = TaskId(7);
    let mut allowed = 0;
    for &of_cluster in ResourceStatus::ALL {
        for &of_zone in ResourceStatus::ALL {
            for &of_server in ResourceStatus::ALL {
                let mut cluster = cluster(of_cluster, of_zone, of_server);
                for (position, goal) in GOALS.into_iter().enumerate() {
                    for part in PARTS {
                        let found = allow(&cluster, goal, subject(&cluster, part));
                        allowed += u32::from(found.is_ok());
                        assert_eq!(
                            found,
                            expected(&cluster, position, part),
                            "{goal:?} of {part:?}: {of_cluster} {of_zone} {of_server}"
                        );
                    }
                }
                // A holder is told first, whatever the statuses are.
                cluster.active_task = Some(holder);
                let held = Err(Refusal::Held {
                    name: "ob_demo".to_owned(),
                    task: holder,
                });
                for goal in GOALS {
                    for part in PARTS {
                        assert_eq!(allow(&cluster, goal, subject(&cluster, part)), held);
                    }
                }
                assert_eq!(allow_unregister(&cluster), held);
                cluster.active_task = None;
                assert_eq!(allow_unregister(&cluster), Ok(()));
            }
        }
    }
    // Of the cluster: 2 + 2 + 2 statuses. Of a part: the same, where the cluster is one of two.
    assert_eq!(allowed, 6 * 49 + 2 * (2 * 6 * 7));
}

#[test]
fn the_only_server_of_a_cluster_is_stopped_with_the_cluster() {
    let mut cluster = simulated(&[1]);
    let server = || "127.0.0.1:2881".to_owned();
    let only = Subject::Server(&cluster.zones[0], &cluster.zones[0].servers[0]);
    let refused = allow(&cluster, Goal::Stop, only).unwrap_err();
    assert_eq!(
        refused,
        Refusal::OnlyServer {
            address: server(),
            name: "ob_demo".to_owned()
        }
    );
    assert!(refused.to_string().ends_with("stop the cluster instead"));
    assert_eq!(allow(&cluster, Goal::Restart, only), Ok(()));

    cluster.zones[0].servers[0].status = Stopped;
    let only = Subject::Server(&cluster.zones[0], &cluster.zones[0].servers[0]);
    assert_eq!(allow(&cluster, Goal::Start, only), Ok(()));
    assert_eq!(
        allow(&cluster, Goal::Stop, only),
        Err(Refusal::ServerStatus {
            address: server(),
            status: Stopped
        })
    );
}

#[test]
fn refusals_tell_the_operator_what_is_in_the_way() {
    let mut held = simulated(&[1]);
    held.active_task = Some(TaskId(7));
    let refused = allow(&held, Goal::Stop, Subject::Cluster).unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("task 7 holds cluster ob_demo,")
    );
    let shown = |part| {
        let cluster = match part {
            Part::Cluster => cluster(Stopped, Stopped, Stopped),
            _ => cluster(Running, Stopped, Stopped),
        };
        let refused = allow(&cluster, Goal::Stop, subject(&cluster, part));
        refused.unwrap_err().to_string()
    };
    assert!(shown(PARTS[0]).contains("cluster ob_demo in [STOPPED]"));
    assert!(shown(PARTS[1]).contains("zone zone1 in [STOPPED]"));
    assert!(shown(PARTS[2]).contains("server 127.0.0.1:2881 in [STOPPED]"));
}

#[test]
fn the_debug_form_of_an_account_hides_its_password() {
    let shown = format!("{:?}", account());
    assert!(shown.contains("root") && !shown.contains("s3cret"));
}
