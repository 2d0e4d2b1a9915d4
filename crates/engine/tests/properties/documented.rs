//! The graphs as OCP's manual has them for one zone with one server (`docs/contract.md`, "The graph"), and how
//! they grow.

use proptest::prelude::*;
use slacktide_engine::{
    id::{ServerId, SubtaskId, ZoneId},
    kind::SubtaskKind,
    plan::plan,
    status::{Goal, TaskKind},
    subtask::Subtask,
};

use crate::topology::{IMMEDIATE, Part, Topology, any_topology, real, simulated, simulated_stop};

const CLUSTER: Part = Part::Cluster;
const ZONE: Part = Part::Zone(0);
const SERVER: Part = Part::Server(0, 0);

/// For each operation the names of its subtasks, in order.
const CHAINS: [(Goal, Part, &str, &[&str]); 9] = [
    (
        Goal::Stop,
        CLUSTER,
        "Stop OB cluster",
        &[
            "Prepare stop cluster",
            "Prepare stop OB zone",
            "Wait node",
            "Prepare stop observer",
            "Wait node",
            "Stop observer process",
            "Wait node",
            "Update observer status",
            "Wait node",
            "Update zone status",
            "Update OB cluster status",
        ],
    ),
    (
        Goal::Start,
        CLUSTER,
        "Start OB cluster",
        &[
            "Prepare start cluster",
            "Prepare start OB zone",
            "Wait node",
            "Prepare start observer",
            "Wait node",
            "Start observer process",
            "Wait observer accessible",
            "Start ocp agent service",
            "Wait node",
            "Start server",
            "Wait node",
            "Start zone",
            "Wait node",
            "Update observer status",
            "Wait node",
            "Update zone status",
            "Sync all tenant information",
            "Update OB cluster status",
        ],
    ),
    (
        Goal::Restart,
        CLUSTER,
        "Restart OB cluster",
        &[
            "Prepare restart cluster",
            "Set zone context",
            "Prepare restart OB zone",
            "Prepare restart observer",
            "Wait node",
            "Stop observer process",
            "Wait node",
            "Start observer process",
            "Wait observer accessible",
            "Start ocp agent service",
            "Wait node",
            "Start server",
            "Wait node",
            "Update observer status",
            "Start zone",
            "Update zone status",
            "Sync cluster info",
            "Sync all tenant information",
            "Update OB cluster status",
        ],
    ),
    (
        Goal::Stop,
        ZONE,
        "Stop OB zone",
        &[
            "Prepare stop OB zone",
            "Stop zone",
            "Prepare stop observer",
            "Wait node",
            "Stop observer process",
            "Wait node",
            "Update observer status",
            "Update zone status",
            "Sync cluster info",
            "Update OB cluster status",
        ],
    ),
    (
        Goal::Start,
        ZONE,
        "Start OB zone",
        &[
            "Prepare start OB zone",
            "Prepare start observer",
            "Wait node",
            "Start observer process",
            "Wait observer active",
            "Start ocp agent service",
            "Wait node",
            "Update observer status",
            "Start zone",
            "Update zone status",
            "Sync cluster info",
            "Update OB cluster status",
        ],
    ),
    (
        Goal::Restart,
        ZONE,
        "Restart OB zone",
        // Not in the manual: the stop's isolation around the start's way back.
        &[
            "Prepare restart OB zone",
            "Stop zone",
            "Prepare restart observer",
            "Wait node",
            "Stop observer process",
            "Wait node",
            "Start observer process",
            "Wait observer active",
            "Start ocp agent service",
            "Wait node",
            "Update observer status",
            "Start zone",
            "Update zone status",
            "Sync cluster info",
            "Update OB cluster status",
        ],
    ),
    (
        Goal::Stop,
        SERVER,
        "Stop OB server",
        &[
            "Prepare stop observer",
            "Stop server",
            "Stop observer process",
            "Wait observer stop",
            "Update observer status",
            "Update zone status",
            "Sync cluster info",
            "Update OB cluster status",
        ],
    ),
    (
        Goal::Start,
        SERVER,
        "Start OB server",
        &[
            "Prepare start observer",
            "Start observer process",
            "Wait observer active",
            "Start ocp agent service",
            "Start server",
            "Update observer status",
            "Update zone status",
            "Sync cluster info",
            "Update OB cluster status",
        ],
    ),
    (
        Goal::Restart,
        SERVER,
        "Restart OB server",
        &[
            "Prepare restart observer",
            "Stop server",
            "Stop observer process",
            "Start observer process",
            "Wait observer active",
            "Start ocp agent service",
            "Start server",
            "Update observer status",
            "Update zone status",
            "Sync cluster info",
            "Update OB cluster status",
        ],
    ),
];

#[test]
fn one_zone_with_one_server_gives_the_documented_chains() {
    for cluster in [simulated(&[1]), real(&[1])] {
        for (goal, part, name, expected) in CHAINS {
            let accepted = Topology::new(cluster.clone(), goal, part, IMMEDIATE).accept();
            assert_eq!(accepted.task.kind.name(), name);
            let subtasks = accepted.subtasks;
            let names: Vec<_> = subtasks.iter().map(|s| s.kind.name()).collect();
            assert_eq!(names, expected, "{name}");
            for pair in subtasks.windows(2) {
                assert!(pair[0].downstreams.iter().eq([pair[1].id]));
                assert!(pair[1].upstreams.iter().eq([pair[0].id]));
            }
        }
    }
    let kinds = CHAINS.map(|(goal, part, ..)| {
        let topology = Topology::new(simulated(&[1]), goal, part, IMMEDIATE);
        topology.subject().operation(goal)
    });
    assert_eq!(TaskKind::ALL, kinds, "every operation has its chain");
}

#[test]
fn subtasks_have_the_documented_limits() {
    use SubtaskKind::*;
    for kind in SubtaskKind::ALL {
        let seconds = match kind {
            WaitNode
            | SyncClusterInfo
            | SyncAllTenantInformation
            | UpdateObClusterStatus
            | SetZoneContext => 30,
            PrepareStopCluster | PrepareStartCluster | PrepareRestartCluster => 60,
            PrepareStopObserver
            | PrepareStartObserver
            | PrepareRestartObserver
            | UpdateObserverStatus
            | StopServer
            | StartServer => 300,
            StopObserverProcess | StartObserverProcess | WaitObserverAccessible => 1200,
            PrepareStopObZone | PrepareStartObZone | PrepareRestartObZone | StopZone
            | StartZone | UpdateZoneStatus | WaitObserverActive | WaitObserverStop
            | StartOcpAgentService => 1800,
        };
        assert_eq!(kind.timeout().as_secs(), seconds, "{}", kind.name());
    }
}

proptest! {
    #[test]
    fn graphs_grow_with_zones_and_servers_as_documented(topology in any_topology()) {
        let zones = topology.cluster.zones.len();
        let servers = topology.worked_on().len();
        let size = match topology.subject().operation(topology.goal) {
            TaskKind::StopCluster => 2 * zones + 3 * servers + 6,
            TaskKind::StartCluster => 3 * zones + 5 * servers + 10,
            TaskKind::RestartCluster => 9 * zones + 6 * servers + 4,
            TaskKind::StopZone => 3 * servers + 7,
            TaskKind::StartZone => 4 * servers + 8,
            TaskKind::RestartZone => 5 * servers + 10,
            TaskKind::StopServer => 8,
            TaskKind::StartServer => 9,
            TaskKind::RestartServer => 11,
        };
        let plan = plan(&topology.cluster, topology.goal, topology.subject(), topology.request);
        assert_eq!(plan.unwrap().size(), size);
        assert_eq!(topology.accept().subtasks.len(), size);
    }
}

/// Splits a graph into its steps: runs of subtasks of one kind that depend on the same subtasks.
fn steps(subtasks: &[Subtask]) -> Vec<&[Subtask]> {
    let same = |a: &Subtask, b: &Subtask| a.kind == b.kind && a.upstreams == b.upstreams;
    subtasks.chunk_by(same).collect()
}

#[test]
fn three_zones_with_one_server_each_fan_out_and_join_at_barriers() {
    let subtasks = simulated_stop(&[1, 1, 1]).accept().subtasks;
    let offset = |id: SubtaskId| id.0 - 1001;
    let shown: Vec<_> = steps(&subtasks)
        .into_iter()
        .map(|step| {
            let ids: Vec<_> = step.iter().map(|s| offset(s.id)).collect();
            let upstreams: Vec<_> = step[0].upstreams.iter().map(offset).collect();
            (step[0].kind.name(), ids, upstreams)
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

/// With three zones a majority serves while one is down; with fewer, waiting for each other would not help.
#[test]
fn a_restart_rolls_zone_by_zone_from_three_zones_on() {
    for zones in 1..=5 {
        let cluster = real(&vec![2; zones]);
        let subtasks = Topology::new(cluster, Goal::Restart, CLUSTER, IMMEDIATE)
            .accept()
            .subtasks;
        let of_kind = |kind| subtasks.iter().filter(move |s: &&Subtask| s.kind == kind);
        let firsts: Vec<_> = of_kind(SubtaskKind::SetZoneContext).collect();
        let lasts: Vec<_> = of_kind(SubtaskKind::UpdateZoneStatus).collect();
        assert_eq!((firsts.len(), lasts.len()), (zones, zones));
        let root = subtasks[0].id;
        for (position, first) in firsts.iter().enumerate() {
            let before = match (zones >= 3, position) {
                (true, 1..) => lasts[position - 1].id,
                _ => root,
            };
            assert!(first.upstreams.iter().eq([before]));
        }
        // Isolation by SQL is for the one zone that is down while the others serve.
        for isolation in of_kind(SubtaskKind::PrepareRestartObZone) {
            assert_eq!(isolation.foldable, zones < 3);
        }
        let end = of_kind(SubtaskKind::SyncClusterInfo).next().unwrap();
        let before: Vec<_> = match zones >= 3 {
            true => vec![lasts[zones - 1].id],
            false => lasts.iter().map(|last| last.id).collect(),
        };
        assert!(end.upstreams.iter().eq(before));
    }
}
