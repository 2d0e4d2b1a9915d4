//! What holds of the graph of any operation on any cluster.

use std::collections::BTreeSet;

use proptest::prelude::*;
use slacktide_engine::{
    allow::Subject,
    graph::{Builder, Scope},
    id::SubtaskId,
    kind::SubtaskKind::{self, *},
    plan::{Request, plan},
    status::{Extent, Goal, ResourceStatus, StopMode, SubtaskStatus, TaskKind, TaskStatus},
    subtask::Subtask,
};

use crate::topology::{
    ACCEPTED, IMMEDIATE, Part, Topology, account, any_topology, real, simulated, simulated_stop,
};

proptest! {
    #[test]
    fn the_graph_is_acyclic_with_one_root_one_leaf_and_symmetric_edges(topology in any_topology()) {
        let subtasks = topology.accept().subtasks;
        assert_eq!(subtasks.iter().filter(|s| s.upstreams.is_empty()).count(), 1);
        assert_eq!(subtasks.iter().filter(|s| s.downstreams.is_empty()).count(), 1);
        assert!(subtasks.iter().map(|s| s.id).eq((1001..).map(SubtaskId).take(subtasks.len())));

        let edges = |of: fn(&Subtask) -> Vec<(SubtaskId, SubtaskId)>| {
            let all: Vec<_> = subtasks.iter().flat_map(of).collect();
            let distinct: BTreeSet<_> = all.iter().copied().collect();
            assert_eq!(all.len(), distinct.len(), "an edge is named twice");
            distinct
        };
        let down = edges(|s| s.downstreams.iter().map(|to| (s.id, to)).collect());
        let up = edges(|s| s.upstreams.iter().map(|from| (from, s.id)).collect());
        assert_eq!(down, up);
        // The order of ids is a topological order, hence there is no cycle.
        assert!(down.iter().all(|(from, to)| from < to));
        let known: BTreeSet<_> = subtasks.iter().map(|s| s.id).collect();
        assert!(down.iter().all(|(from, to)| known.contains(from) && known.contains(to)));
    }

    /// A step fans out over zones or servers, or is single; a barrier stands between two that fan out, and nowhere
    /// else.
    #[test]
    fn every_step_waits_for_all_of_the_step_before_and_fan_outs_meet_at_a_barrier(
        topology in any_topology(),
    ) {
        let subtasks = topology.accept().subtasks;
        let row = |id: SubtaskId| &subtasks[(id.0 - 1001) as usize];
        let fans_out = |s: &Subtask| s.parallel_idx >= 0;
        for subtask in &subtasks {
            let (above, below) = (&subtask.upstreams, &subtask.downstreams);
            if subtask.kind == WaitNode {
                assert!(above.iter().all(|id| fans_out(row(id))));
                assert!(below.iter().all(|id| fans_out(row(id))));
                assert!(!above.is_empty() && !below.is_empty());
                assert_eq!(subtask.parallel_idx, -1);
            }
            assert!(!(fans_out(subtask) && above.iter().any(|id| fans_out(row(id)))));
            // Siblings wait for the same and are waited for by the same.
            for sibling in above.iter().flat_map(|id| row(id).downstreams.iter()).map(row) {
                assert_eq!(sibling.upstreams, subtask.upstreams);
                assert_eq!(sibling.kind, subtask.kind);
                if fans_out(subtask) {
                    assert_eq!(sibling.downstreams, subtask.downstreams);
                }
            }
            let first = above.iter().next().map(row);
            let siblings = first.map(|first| first.downstreams.len()).unwrap_or(1);
            if fans_out(subtask) {
                assert!((subtask.parallel_idx as usize) < siblings);
            }
        }
    }

    #[test]
    fn each_zone_and_each_server_has_its_subtasks_on_its_host(topology in any_topology()) {
        let accepted = topology.accept();
        let worked_on: Vec<_> = topology
            .worked_on()
            .into_iter()
            .map(|(zone, server)| {
                (Some(zone), Some(server.id), server.driver.host().map(str::to_owned))
            })
            .collect();
        let zones: BTreeSet<_> = worked_on.iter().map(|(zone, ..)| *zone).collect();
        for &kind in SubtaskKind::ALL {
            let of_kind = accepted.subtasks.iter().filter(|s| s.kind == kind);
            let mut scopes: Vec<_> =
                of_kind.map(|s| (s.zone, s.server, s.host.clone())).collect();
            if scopes.is_empty() {
                continue;
            }
            scopes.sort();
            match level_of(kind, accepted.task.kind) {
                Level::Server => assert_eq!(scopes, worked_on, "{}", kind.name()),
                Level::Zone => {
                    let expected: Vec<_> = zones.iter().map(|zone| (*zone, None, None)).collect();
                    assert_eq!(scopes, expected, "{}", kind.name());
                }
                Level::Whole => assert!(scopes.iter().all(|scope| *scope == (None, None, None))),
            }
        }
        let parts = (accepted.task.zone, accepted.task.server);
        assert_eq!(parts, match topology.subject() {
            Subject::Cluster => (None, None),
            Subject::Zone(zone) => (Some(zone.id), None),
            Subject::Server(zone, server) => (Some(zone.id), Some(server.id)),
        });
    }

    /// Whatever may touch a host or speak SQL is for executors; the rest runs inside a commit.
    #[test]
    fn what_folds_has_nothing_to_do_outside(topology in any_topology()) {
        let accepted = topology.accept();
        let (cluster, options) = (&topology.cluster, accepted.task.options);
        let (no_sql, simulated) = (!cluster.has_sql(), cluster.is_simulated());
        let zones = cluster.zones.len();
        for subtask in &accepted.subtasks {
            let foldable = match subtask.kind {
                PrepareStopObserver | PrepareStartObserver | PrepareRestartObserver
                | StopObserverProcess | StartObserverProcess | UpdateObserverStatus
                | WaitObserverStop => false,
                WaitObserverAccessible | WaitObserverActive | PrepareStopCluster => simulated,
                PrepareStopObZone => !options.minor_freeze,
                PrepareRestartObZone => {
                    no_sql || zones < 3 || accepted.task.kind.extent() != Extent::Cluster
                }
                StartServer | StopServer | StartZone | StopZone | SyncClusterInfo
                | SyncAllTenantInformation => no_sql,
                PrepareStartCluster | PrepareRestartCluster | PrepareStartObZone | SetZoneContext
                | StartOcpAgentService | WaitNode | UpdateZoneStatus | UpdateObClusterStatus => true,
            };
            assert_eq!(subtask.foldable, foldable, "{:?}", subtask.kind);
            assert_eq!(subtask.selector, cluster.selector);
        }
    }

    #[test]
    fn a_task_is_accepted_with_its_root_ready_and_all_else_pending(topology in any_topology()) {
        let accepted = topology.accept();
        let numbers: Vec<_> = accepted.revisions.iter().map(|r| (r.number, r.time)).collect();
        assert_eq!(numbers, [(1, ACCEPTED), (2, ACCEPTED)]);
        assert_eq!(accepted.task.revision, 2);
        assert_eq!(accepted.task.state.status, TaskStatus::Running);
        assert_eq!(accepted.task.state.start_time, Some(ACCEPTED));
        assert_eq!(accepted.task.generation, topology.cluster.generation + 1);
        assert_eq!(accepted.task.options.parallel, topology.request.parallel);
        for (series_id, subtask) in (0..).zip(&accepted.subtasks) {
            let ready = subtask.upstreams.is_empty();
            let status = if ready { SubtaskStatus::Ready } else { SubtaskStatus::Pending };
            assert_eq!((subtask.series_id, subtask.state.status), (series_id, status));
            assert_eq!(subtask.open_upstreams as usize, subtask.upstreams.len());
            assert_eq!((subtask.task, subtask.epoch), (accepted.task.id, 0));
            assert_eq!((subtask.not_before, subtask.auto_retries), (None, 0));
        }
    }
}

enum Level {
    Server,
    Zone,
    Whole,
}

fn level_of(kind: SubtaskKind, of: TaskKind) -> Level {
    match kind {
        PrepareStopObserver
        | PrepareStartObserver
        | PrepareRestartObserver
        | StopObserverProcess
        | StartObserverProcess
        | WaitObserverStop
        | StartOcpAgentService
        | StartServer
        | StopServer
        | UpdateObserverStatus => Level::Server,
        WaitObserverActive if of.extent() == Extent::Server => Level::Server,
        WaitObserverAccessible if of == TaskKind::StartCluster => Level::Whole,
        PrepareStopObZone
        | PrepareStartObZone
        | PrepareRestartObZone
        | SetZoneContext
        | StartZone
        | StopZone
        | UpdateZoneStatus
        | WaitObserverActive
        | WaitObserverAccessible => Level::Zone,
        _ => Level::Whole,
    }
}

#[test]
fn a_cluster_without_zones_or_servers_is_refused_naming_the_step() {
    let refused = |zones: &[usize], goal| {
        plan(&simulated(zones), goal, Subject::Cluster, IMMEDIATE).unwrap_err()
    };
    assert_eq!(refused(&[], Goal::Stop).0, PrepareStopObZone);
    assert_eq!(refused(&[0, 0], Goal::Stop).0, PrepareStopObserver);
    assert_eq!(refused(&[0], Goal::Start).0, PrepareStartObserver);
    assert_eq!(refused(&[0], Goal::Restart).0, PrepareRestartObserver);
    let text = refused(&[], Goal::Stop).to_string();
    assert!(text.starts_with("Prepare stop OB zone has nothing to fan out over"));
}

#[test]
fn a_minor_freeze_is_on_by_default_for_a_graceful_stop_with_an_account() {
    use StopMode::{Graceful, Immediate};
    let table = [
        (Graceful, true, None, true),
        (Graceful, false, None, false),
        (Immediate, true, None, false),
        (Immediate, false, None, false),
        (Immediate, true, Some(true), true),
        (Graceful, true, Some(false), false),
    ];
    for (mode, has_sql, minor_freeze, expected) in table {
        for goal in [Goal::Stop, Goal::Start, Goal::Restart] {
            let mut cluster = simulated(&[1]);
            cluster.sql = has_sql.then(account);
            let request = Request {
                mode,
                minor_freeze,
                parallel: None,
            };
            let task = Topology::new(cluster, goal, Part::Cluster, request)
                .accept()
                .task;
            assert_eq!(
                task.options.minor_freeze,
                expected && goal == Goal::Stop,
                "{mode} {has_sql} {minor_freeze:?}"
            );
            assert_eq!(task.options.mode, mode);
        }
    }
}

#[test]
fn a_single_step_between_fan_outs_joins_and_forks_without_a_barrier() {
    let scopes = || [Scope::default(), Scope::default()];
    let mut graph = Builder::default();
    graph.fan_out(StopObserverProcess, false, scopes()).unwrap();
    graph.single(UpdateObClusterStatus, true);
    graph.fan_out(StopObserverProcess, false, scopes()).unwrap();
    let vertices = graph.build();
    let upstreams: Vec<_> = vertices.iter().map(|v| v.upstreams.as_slice()).collect();
    assert_eq!(upstreams, [&[][..], &[], &[0, 1], &[2], &[2]]);
    let downstreams: Vec<_> = vertices.iter().map(|v| v.downstreams.as_slice()).collect();
    assert_eq!(downstreams, [&[2][..], &[2], &[3, 4], &[], &[]]);
}

#[test]
fn the_context_is_ocps() {
    let context = simulated_stop(&[2, 1]).accept().context;
    let strings: Vec<_> = context.strings.iter().collect();
    let expected = [
        ("cluster_id", "1"),
        ("cluster_name", "ob_demo"),
        ("former_cluster_status", "RUNNING"),
    ];
    assert_eq!(strings.len(), expected.len());
    for (key, value) in expected {
        assert_eq!(context.strings[key], value);
    }
    assert_eq!(context.lists["server_ids"], ["101", "102", "103"]);
    assert_eq!(context.lists["zone_names"], ["zone1", "zone2"]);
    assert_eq!(context.lists.len(), 2);
}

#[test]
fn each_operation_has_the_context_that_ocp_gives_it() {
    let context = |goal, part| {
        Topology::new(real(&[2, 1]), goal, part, IMMEDIATE)
            .accept()
            .context
    };
    let keys = |context: &slacktide_engine::task::Context| {
        context.strings.keys().cloned().collect::<Vec<_>>()
    };
    let start = context(Goal::Start, Part::Cluster);
    assert_eq!(keys(&start), ["cluster_id", "cluster_name"]);

    let restart = context(Goal::Restart, Part::Cluster);
    assert_eq!(restart.lists["1.zone1.server_ids"], ["101", "102"]);
    assert_eq!(restart.lists["1.zone2.server_ids"], ["103"]);

    let stop = context(Goal::Stop, Part::Zone(1));
    let of_part = [
        ("former_cluster_status", ResourceStatus::Running.as_str()),
        ("target_cluster_status", "RUNNING"),
        ("former_zone_status", "RUNNING"),
        ("target_zone_status", "STOPPED"),
        ("zone_name", "zone2"),
        ("prohibit_rollback", "false"),
    ];
    for (key, value) in of_part {
        assert_eq!(stop.strings[key], value);
    }
    assert_eq!(stop.lists["server_ids"], ["103"]);

    let server = context(Goal::Start, Part::Server(0, 1));
    assert_eq!(server.strings["server_id"], "102");
    assert_eq!(server.lists["server_ids"], ["102"]);
}
