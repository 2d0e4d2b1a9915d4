//! What is refused, in which state, and with which code.

use slacktide_api::v1 as pb;
use slacktide_engine::kind::SubtaskKind;
use tonic::Code;

use super::ask::*;
use crate::kit::{Kit, fields, refused};

/// Asks for each operation; those that are refused must be refused so.
async fn refusals(kit: &Kit, on: &On, expected: &[(Verb, &str, i64)]) {
    for (verb, reason, ocp_code) in expected {
        let answer = ask(kit, *verb, on).await;
        assert!(answer.is_err(), "{verb:?} is accepted");
        refused(answer, Code::FailedPrecondition, reason, *ocp_code);
    }
    let dry = On {
        dry: true,
        ..on.clone()
    };
    for verb in ALL {
        if !expected.iter().any(|(refused, ..)| *refused == verb) {
            let answer = ask(kit, verb, &dry).await;
            assert!(answer.is_ok(), "{verb:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_running_cluster_refuses_starts() {
    let kit = Kit::new().await;
    let on = after(&kit, &[]).await;
    let expected = [
        (StartCluster, "CLUSTER_STATUS", 11007),
        (StartZone, "ZONE_STATUS", 12004),
        (StartServer, "SERVER_STATUS", 13003),
    ];
    refusals(&kit, &on, &expected).await;
}

#[tokio::test]
async fn a_stopped_cluster_refuses_all_but_its_own_start() {
    let kit = Kit::new().await;
    let on = after(&kit, &[StopCluster]).await;
    let all_but_start = ALL.into_iter().filter(|verb| *verb != StartCluster);
    let expected: Vec<_> = all_but_start
        .map(|verb| (verb, "CLUSTER_STATUS", 11007))
        .collect();
    refusals(&kit, &on, &expected).await;
}

#[tokio::test]
async fn a_stopped_zone_refuses_to_be_stopped_and_its_servers_too() {
    let kit = Kit::new().await;
    let on = after(&kit, &[StopZone]).await;
    let expected = [
        (StartCluster, "CLUSTER_STATUS", 11007),
        (StopZone, "ZONE_STATUS", 12004),
        (RestartZone, "ZONE_STATUS", 12004),
        (StopServer, "SERVER_STATUS", 13003),
        (RestartServer, "SERVER_STATUS", 13003),
    ];
    let cluster = get(&kit, on.cluster).await;
    // The others serve on.
    assert_eq!(cluster.status(), pb::ClusterStatus::Running);
    refusals(&kit, &on, &expected).await;
}

#[tokio::test]
async fn a_held_cluster_refuses_everything_with_the_task_that_holds_it() {
    let kit = Kit::new().await;
    for verb in [StopCluster, RestartCluster, StopZone, RestartServer] {
        let on = after(&kit, &[]).await;
        let holder = ask(&kit, verb, &on).await.unwrap();
        for other in ALL {
            let details = refused(
                ask(&kit, other, &on).await,
                Code::FailedPrecondition,
                "OPERATION_UNFINISHED",
                11020,
            );
            let named = &details.error_info().unwrap().metadata["active_task_id"];
            assert_eq!(*named, holder.id.to_string(), "{other:?} while {verb:?}");
        }
        // A FAILED task keeps its cluster.
        let kind = SubtaskKind::StopObserverProcess;
        kit.run(holder.id, Some(kind)).await;
        for other in ALL {
            let answer = ask(&kit, other, &on).await;
            refused(
                answer,
                Code::FailedPrecondition,
                "OPERATION_UNFINISHED",
                11020,
            );
        }
        let request = pb::RetryTaskRequest {
            id: holder.id,
            ..Default::default()
        };
        kit.tasks("mona").retry_task(request).await.unwrap();
        kit.run(holder.id, None).await;
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
async fn the_only_server_is_stopped_with_its_cluster() {
    let kit = Kit::new().await;
    let on = On::first_of(&kit.register("ob_single", 1, 1).await);
    refused(
        ask(&kit, StopServer, &on).await,
        Code::FailedPrecondition,
        "ONLY_SERVER",
        19020,
    );
    done(&kit, RestartServer, &on).await;
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let kit = Kit::new().await;
    let on = after(&kit, &[]).await;
    let other = kit.register("ob_other", 1, 1).await;
    let no_cluster = On {
        cluster: 77,
        ..on.clone()
    };
    for verb in ALL {
        let answer = ask(&kit, verb, &no_cluster).await;
        let details = refused(answer, Code::NotFound, "CLUSTER_NOT_FOUND", 11001);
        assert_eq!(details.resource_info().unwrap().resource_name, "77");
    }
    let no_part = On {
        zone: "zone9".to_owned(),
        server: other.zones[0].servers[0].id,
        ..on
    };
    for verb in [StopZone, StartZone, RestartZone] {
        let answer = ask(&kit, verb, &no_part).await;
        let details = refused(answer, Code::NotFound, "ZONE_NOT_FOUND", 12002);
        assert_eq!(details.resource_info().unwrap().resource_name, "zone9");
    }
    for verb in [StopServer, StartServer, RestartServer] {
        let answer = ask(&kit, verb, &no_part).await;
        refused(answer, Code::NotFound, "SERVER_NOT_FOUND", 13001);
    }
}

#[tokio::test]
async fn whoever_may_only_read_operates_on_nothing() {
    let kit = Kit::new().await;
    let on = after(&kit, &[]).await;
    for verb in ALL {
        for dry in [false, true] {
            let on = On { dry, ..on.clone() };
            let answer = ask_as(&kit, "vera", verb, &on).await;
            refused(answer, Code::PermissionDenied, "PERMISSION_DENIED", 3100);
        }
    }
}

#[tokio::test]
async fn a_limit_of_runs_is_no_negative_number() {
    let kit = Kit::new().await;
    let on = after(&kit, &[]).await;
    let request = pb::RestartClusterRequest {
        id: on.cluster,
        max_parallel: -1,
        mode: 9,
        ..Default::default()
    };
    let answer = kit.clusters("mona").restart_cluster(request).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(fields(&details), ["mode", "max_parallel"]);
}
