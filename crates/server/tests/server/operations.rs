//! Operations on clusters, zones and servers: what is accepted, from which statuses, and what is refused.

mod ask;
mod refusals;

use std::sync::Arc;

use futures::future::BoxFuture;
use slacktide_api::v1 as pb;
use slacktide_engine::{
    cluster::Cluster,
    finding::{Finding, FindingClass, FindingResult},
};
use slacktide_server::{Options, Preflight, Server};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use self::ask::*;
use crate::kit::{self, Kit, refused};

#[tokio::test]
async fn each_operation_is_a_task_of_its_own_kind() {
    let (zones, servers) = (2, 4);
    let kit = Kit::new().await;
    for (verb, before, name, size) in [
        (
            StopCluster,
            &[][..],
            "Stop OB cluster",
            2 * zones + 3 * servers + 6,
        ),
        (
            StartCluster,
            &[StopCluster],
            "Start OB cluster",
            3 * zones + 5 * servers + 10,
        ),
        (StopZone, &[], "Stop OB zone", 3 * 2 + 7),
        (StopServer, &[], "Stop OB server", 8),
        (StartServer, &[StopServer], "Start OB server", 9),
        (RestartServer, &[], "Restart OB server", 11),
    ] {
        let on = after(&kit, before).await;
        let task = ask(&kit, verb, &on).await.unwrap();
        assert_eq!((&*task.name, task.subtasks.len()), (name, size));
        assert_eq!(task.status(), pb::TaskStatus::Running);
        let context = task.context.unwrap();
        assert_eq!(context.string_map["cluster_id"], on.cluster.to_string());
        let held = get(&kit, on.cluster).await;
        assert_eq!(held.active_task_id, Some(task.id));
        kit.run(task.id, None).await;
        let forget = pb::UnregisterClusterRequest {
            id: on.cluster,
            ..Default::default()
        };
        kit.clusters("admin")
            .unregister_cluster(forget)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_cluster_that_was_stopped_is_started_and_restarted() {
    use pb::ClusterStatus::{Restarting, Running, Starting, Stopped};
    let kit = Kit::new().await;
    let on = after(&kit, &[]).await;
    assert_eq!(done(&kit, StopCluster, &on).await.status(), Stopped);
    for (verb, meanwhile) in [(StartCluster, Starting), (RestartCluster, Restarting)] {
        let task = ask(&kit, verb, &on).await.unwrap();
        assert_eq!(get(&kit, on.cluster).await.status(), meanwhile);
        kit.run(task.id, None).await;
        let cluster = get(&kit, on.cluster).await;
        assert_eq!(cluster.status(), Running);
        let mut servers = cluster.zones.iter().flat_map(|zone| &zone.servers);
        assert!(servers.all(|server| server.status() == pb::ServerStatus::Running));
    }
}

#[tokio::test]
async fn an_operation_on_a_part_leaves_the_rest_alone() {
    let kit = Kit::new().await;
    let on = after(&kit, &[]).await;
    for (stop, start) in [(StopZone, StartZone), (StopServer, StartServer)] {
        let task = ask(&kit, stop, &on).await.unwrap();
        assert_eq!(
            get(&kit, on.cluster).await.status(),
            pb::ClusterStatus::Operating
        );
        kit.run(task.id, None).await;
        let stopped = get(&kit, on.cluster).await;
        let first = &stopped.zones[0].servers[0];
        assert_eq!(first.status(), pb::ServerStatus::Stopped);
        assert_eq!(stopped.zones[1].status(), pb::ZoneStatus::Running);
        let started = done(&kit, start, &on).await;
        assert_eq!(started.status(), pb::ClusterStatus::Running);
        assert_eq!(started.zones[0].status(), pb::ZoneStatus::Running);
    }
}

#[tokio::test]
async fn a_dry_run_of_each_operation_writes_nothing() {
    let kit = Kit::new().await;
    for verb in ALL {
        let before: &[Verb] = match verb {
            StartCluster => &[StopCluster],
            StartZone => &[StopZone],
            StartServer => &[StopServer],
            _ => &[],
        };
        let on = after(&kit, before).await;
        let dry = On {
            dry: true,
            key: "dry".to_owned(),
            ..on.clone()
        };
        let as_it_was = get(&kit, on.cluster).await;
        for _ in 0..2 {
            let task = ask(&kit, verb, &dry).await.unwrap();
            assert_eq!(task.id, 0, "{verb:?}");
            let ids: Vec<_> = task.subtasks.iter().map(|subtask| subtask.id).collect();
            assert_eq!(ids, Vec::from_iter(1..=ids.len() as i64), "{verb:?}");
        }
        assert_eq!(get(&kit, on.cluster).await, as_it_was, "{verb:?}");
        let forget = pb::UnregisterClusterRequest {
            id: on.cluster,
            ..Default::default()
        };
        kit.clusters("admin")
            .unregister_cluster(forget)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn the_same_request_again_gets_the_first_answer_whatever_it_asks_for() {
    let kit = Kit::new().await;
    let on = after(&kit, &[]).await;
    let order = [
        StopCluster,
        StartCluster,
        RestartCluster,
        StopZone,
        StartZone,
        RestartZone,
        StopServer,
        StartServer,
        RestartServer,
    ];
    for verb in order {
        let keyed = On {
            key: "once".to_owned(),
            ..on.clone()
        };
        let first = ask(&kit, verb, &keyed).await.unwrap();
        assert_eq!(ask(&kit, verb, &keyed).await.unwrap(), first, "{verb:?}");
        kit.run(first.id, None).await;
        assert_eq!(ask(&kit, verb, &keyed).await.unwrap(), first, "{verb:?}");
        let other = On {
            cluster: on.cluster + 1,
            ..keyed
        };
        let reused = ask(&kit, verb, &other).await;
        refused(reused, Code::AlreadyExists, "REQUEST_ID_REUSED", 1005);
    }
    let listed = kit
        .tasks("vera")
        .list_tasks(pb::ListTasksRequest::default())
        .await;
    assert_eq!(listed.unwrap().into_inner().total_size, order.len() as i64);
}

/// Finds one thing on every cluster.
struct OneFinding;

impl Preflight for OneFinding {
    fn preflight<'a>(&'a self, cluster: &'a Cluster) -> BoxFuture<'a, Vec<Finding>> {
        Box::pin(async move {
            vec![Finding {
                check: 7,
                name: "data backup",
                class: FindingClass::Block,
                result: FindingResult::Found,
                text: format!("a backup of {} runs", cluster.name),
            }]
        })
    }
}

#[tokio::test]
async fn a_dry_run_of_a_stop_tells_what_the_checks_find() {
    let mut kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let dry = |validate_only| pb::StopClusterRequest {
        id: cluster.id,
        validate_only,
        ..Default::default()
    };
    let answer = kit.clusters("mona").stop_cluster(dry(true)).await.unwrap();
    let findings = answer.into_inner().findings;
    let checks: Vec<_> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(checks, [3, 6, 7, 10, 13, 17, 18, 21, 24]);
    let not_checked = |finding: &pb::Finding| finding.result() == pb::FindingResult::NotChecked;
    assert!(findings.iter().all(not_checked), "nobody is there to check");

    let options = Options {
        host: kit::HOST.to_owned(),
        version: "0.1.0",
    };
    let server = Server::new(
        kit.store.clone(),
        options,
        Arc::new(kit::FakeHosts),
        CancellationToken::new(),
    );
    kit.server = server.with_preflight(Arc::new(OneFinding));
    let answer = kit.clusters("mona").stop_cluster(dry(true)).await.unwrap();
    let expected = pb::Finding {
        check: 7,
        name: "data backup".to_owned(),
        class: pb::FindingClass::Block.into(),
        result: pb::FindingResult::Found.into(),
        text: "a backup of ob_demo runs".to_owned(),
    };
    assert_eq!(answer.into_inner().findings, [expected]);
    // No finding forbids a stop, nor does a stop wait for the checks.
    let answer = kit.clusters("mona").stop_cluster(dry(false)).await.unwrap();
    assert_eq!(answer.into_inner().findings, []);
}
