//! The stop graph, for every topology and, to the letter, for two.

use std::collections::BTreeSet;

use proptest::prelude::*;
use slacktide_engine::{
    graph::{Builder, Scope},
    id::{ServerId, SubtaskId, ZoneId},
    kind::SubtaskKind,
    plan::{StopRequest, stop_cluster},
    status::{StopMode, SubtaskStatus, TaskStatus},
    subtask::Subtask,
};

use crate::topology::{ACCEPTED, IMMEDIATE, accept, any_topology, simulated};

/// Splits a graph into its steps: runs of subtasks of one kind that depend on the same subtasks.
fn steps(subtasks: &[Subtask]) -> Vec<&[Subtask]> {
    let same = |a: &Subtask, b: &Subtask| a.kind == b.kind && a.upstreams == b.upstreams;
    subtasks.chunk_by(same).collect()
}

fn ids(subtasks: &[Subtask]) -> Vec<SubtaskId> {
    subtasks.iter().map(|subtask| subtask.id).collect()
}

proptest! {
    #[test]
    fn the_graph_is_acyclic_with_one_root_one_leaf_and_symmetric_edges(topology in any_topology()) {
        let subtasks = topology.accept().subtasks;
        let (zones, servers) = (topology.cluster.zones.len(), topology.cluster.servers().count());
        assert_eq!(subtasks.len(), 2 * zones + 3 * servers + 6);
        assert_eq!(subtasks.iter().filter(|s| s.upstreams.is_empty()).count(), 1);
        assert_eq!(subtasks.iter().filter(|s| s.downstreams.is_empty()).count(), 1);

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

    #[test]
    fn every_step_waits_for_all_of_the_step_before_and_fan_outs_meet_at_a_barrier(
        topology in any_topology(),
    ) {
        let subtasks = topology.accept().subtasks;
        let steps = steps(&subtasks);
        let fans_out = |step: &[Subtask]| step[0].parallel_idx >= 0;
        for (index, step) in steps.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| steps[before]);
            for subtask in *step {
                let expected = before.map(ids).unwrap_or_default();
                assert_eq!(subtask.upstreams.iter().collect::<Vec<_>>(), expected);
            }
            let indices: Vec<_> = step.iter().map(|s| s.parallel_idx).collect();
            if fans_out(step) {
                assert!(indices.into_iter().eq(0..step.len() as i32));
            } else {
                assert_eq!(indices, [-1]);
            }
            if step[0].kind == SubtaskKind::WaitNode {
                assert!(fans_out(steps[index - 1]) && fans_out(steps[index + 1]));
            }
            assert!(!before.is_some_and(|before| fans_out(before) && fans_out(step)));
        }
    }

    #[test]
    fn each_zone_and_each_server_has_its_subtasks_on_its_host(topology in any_topology()) {
        use SubtaskKind::{
            PrepareStopObZone, PrepareStopObserver, StopObserverProcess, UpdateObserverStatus,
            UpdateZoneStatus,
        };
        let accepted = topology.accept();
        let scopes = |kind| {
            let of_kind = accepted.subtasks.iter().filter(move |s| s.kind == kind);
            of_kind.map(|s| (s.zone, s.server, s.host.clone())).collect::<Vec<_>>()
        };
        let zones = topology.cluster.zones.iter();
        let of_zones: Vec<_> = zones.clone().map(|zone| (Some(zone.id), None, None)).collect();
        let of_servers: Vec<_> = zones
            .flat_map(|zone| zone.servers.iter().map(|server| (zone.id, server)))
            .map(|(zone, server)| {
                (Some(zone), Some(server.id), server.driver.host().map(str::to_owned))
            })
            .collect();
        for kind in [PrepareStopObZone, UpdateZoneStatus] {
            assert_eq!(scopes(kind), of_zones);
        }
        for kind in [PrepareStopObserver, StopObserverProcess, UpdateObserverStatus] {
            assert_eq!(scopes(kind), of_servers);
        }
        let freezes = accepted.task.options.minor_freeze;
        for subtask in &accepted.subtasks {
            let foldable = match subtask.kind {
                PrepareStopObZone => !freezes,
                PrepareStopObserver | StopObserverProcess | UpdateObserverStatus => false,
                _ => true,
            };
            assert_eq!(subtask.foldable, foldable, "{:?}", subtask.kind);
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
        for (series_id, subtask) in (0..).zip(&accepted.subtasks) {
            let ready = subtask.upstreams.is_empty();
            let status = if ready { SubtaskStatus::Ready } else { SubtaskStatus::Pending };
            assert_eq!((subtask.series_id, subtask.state.status), (series_id, status));
            assert_eq!(subtask.open_upstreams as usize, subtask.upstreams.len());
            assert_eq!((subtask.task, subtask.epoch), (accepted.task.id, 0));
        }
    }
}

#[test]
fn one_zone_with_one_server_gives_the_documented_chain() {
    let subtasks = accept(&simulated(&[1]), IMMEDIATE).subtasks;
    let chain: Vec<_> = subtasks
        .iter()
        .map(|s| (s.id.0, s.kind.name(), s.parallel_idx, s.timeout.as_secs()))
        .collect();
    assert_eq!(
        chain,
        [
            (1001, "Prepare stop cluster", -1, 60),
            (1002, "Prepare stop OB zone", 0, 1800),
            (1003, "Wait node", -1, 30),
            (1004, "Prepare stop observer", 0, 300),
            (1005, "Wait node", -1, 30),
            (1006, "Stop observer process", 0, 1200),
            (1007, "Wait node", -1, 30),
            (1008, "Update observer status", 0, 300),
            (1009, "Wait node", -1, 30),
            (1010, "Update zone status", 0, 1800),
            (1011, "Update OB cluster status", -1, 30),
        ]
    );
    for pair in subtasks.windows(2) {
        assert!(pair[0].downstreams.iter().eq([pair[1].id]));
        assert!(pair[1].upstreams.iter().eq([pair[0].id]));
    }
}

#[test]
fn three_zones_with_one_server_each_fan_out_and_join_at_barriers() {
    let subtasks = accept(&simulated(&[1, 1, 1]), IMMEDIATE).subtasks;
    let offset = |ids: &[SubtaskId]| ids.iter().map(|id| id.0 - 1001).collect::<Vec<_>>();
    let shown: Vec<_> = steps(&subtasks)
        .into_iter()
        .map(|step| {
            (
                step[0].kind.name(),
                offset(&ids(step)),
                offset(&step[0].upstreams.iter().collect::<Vec<_>>()),
            )
        })
        .collect();
    let expected = [
        ("Prepare stop cluster", vec![0], vec![]),
        ("Prepare stop OB zone", vec![1, 2, 3], vec![0]),
        ("Wait node", vec![4], vec![1, 2, 3]),
        ("Prepare stop observer", vec![5, 6, 7], vec![4]),
        ("Wait node", vec![8], vec![5, 6, 7]),
        ("Stop observer process", vec![9, 10, 11], vec![8]),
        ("Wait node", vec![12], vec![9, 10, 11]),
        ("Update observer status", vec![13, 14, 15], vec![12]),
        ("Wait node", vec![16], vec![13, 14, 15]),
        ("Update zone status", vec![17, 18, 19], vec![16]),
        ("Update OB cluster status", vec![20], vec![17, 18, 19]),
    ];
    assert_eq!(shown, expected);

    let stops = &subtasks[9..12];
    let scopes: Vec<_> = stops.iter().map(|s| (s.zone, s.server)).collect();
    assert_eq!(
        scopes,
        [(11, 101), (12, 102), (13, 103)].map(|(z, s)| (Some(ZoneId(z)), Some(ServerId(s))))
    );
}

#[test]
fn a_cluster_without_zones_or_servers_is_refused_naming_the_step() {
    let refused = |zones: &[usize]| stop_cluster(&simulated(zones), IMMEDIATE).unwrap_err();
    assert_eq!(refused(&[]).0, SubtaskKind::PrepareStopObZone);
    assert_eq!(refused(&[0, 0]).0, SubtaskKind::PrepareStopObserver);
    let text = refused(&[]).to_string();
    assert!(text.starts_with("Prepare stop OB zone has nothing to fan out over"));
}

#[test]
fn the_context_is_ocps() {
    let context = accept(&simulated(&[2, 1]), IMMEDIATE).context;
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
        let mut cluster = simulated(&[1]);
        cluster.sql = has_sql.then(|| slacktide_engine::cluster::SqlAccount {
            user: "root".to_owned(),
            password: String::new(),
        });
        let task = accept(&cluster, StopRequest { mode, minor_freeze }).task;
        assert_eq!(
            task.options.minor_freeze, expected,
            "{mode} {has_sql} {minor_freeze:?}"
        );
        assert_eq!(task.options.mode, mode);
    }
}

#[test]
fn a_single_step_between_fan_outs_joins_and_forks_without_a_barrier() {
    let scopes = || [Scope::default(), Scope::default()];
    let mut graph = Builder::default();
    let kind = SubtaskKind::StopObserverProcess;
    graph.fan_out(kind, false, scopes()).unwrap();
    graph.single(SubtaskKind::UpdateObClusterStatus, true);
    graph.fan_out(kind, false, scopes()).unwrap();
    let vertices = graph.build();
    let upstreams: Vec<_> = vertices.iter().map(|v| v.upstreams.as_slice()).collect();
    assert_eq!(upstreams, [&[][..], &[], &[0, 1], &[2], &[2]]);
    let downstreams: Vec<_> = vertices.iter().map(|v| v.downstreams.as_slice()).collect();
    assert_eq!(downstreams, [&[2][..], &[2], &[3, 4], &[], &[]]);
}
