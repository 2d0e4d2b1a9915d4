//! StopCluster: what is accepted, what is refused, and what a repeated request gets.

use slacktide_api::v1 as pb;
use slacktide_engine::kind::SubtaskKind;
use tonic::Code;

use crate::kit::{Kit, fields, refused};

fn request(id: i64) -> pb::StopClusterRequest {
    pb::StopClusterRequest {
        id,
        ..Default::default()
    }
}

async fn stop(kit: &Kit, request: pb::StopClusterRequest) -> Result<pb::Task, tonic::Status> {
    let answer = kit.clusters("mona").stop_cluster(request).await?;
    Ok(answer.into_inner().task.unwrap())
}

async fn task_count(kit: &Kit) -> i64 {
    let listed = kit
        .tasks("vera")
        .list_tasks(pb::ListTasksRequest::default())
        .await;
    listed.unwrap().into_inner().total_size
}

#[tokio::test]
async fn an_accepted_stop_is_a_durable_task() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 2, 3).await;
    let task = stop(&kit, request(cluster.id)).await.unwrap();

    assert_eq!(task.name, "Stop OB cluster");
    assert_eq!(task.status(), pb::TaskStatus::Running);
    assert_eq!(
        (task.operation(), task.r#type()),
        (pb::Operation::Execute, pb::TaskType::Manual)
    );
    assert_eq!(task.subtasks.len(), 2 * 2 + 3 * 6 + 6);
    let roots: Vec<_> = task
        .subtasks
        .iter()
        .filter(|s| s.upstreams.is_empty())
        .collect();
    assert_eq!(roots.len(), 1);
    assert_eq!(roots[0].status(), pb::SubtaskStatus::Ready);
    let waiting = task
        .subtasks
        .iter()
        .filter(|s| s.status() == pb::SubtaskStatus::Pending);
    assert_eq!(waiting.count(), task.subtasks.len() - 1);
    let creator = task.creator.clone().unwrap();
    assert_eq!((creator.id, &*creator.name), (101, "mona"));
    let context = task.context.clone().unwrap();
    assert_eq!(context.string_map["former_cluster_status"], "RUNNING");
    assert_eq!(context.list_map["zone_names"].values, ["zone1", "zone2"]);
    let prepared = task
        .subtasks
        .iter()
        .find(|s| s.name == "Prepare stop OB zone");
    assert_eq!(prepared.unwrap().zone_name, "zone1");
    assert_eq!(task.progress.unwrap().active, 1);

    let read = kit
        .tasks("vera")
        .get_task(pb::GetTaskRequest {
            id: task.id,
            view: 0,
        })
        .await;
    assert_eq!(read.unwrap().into_inner().task.unwrap(), task);
    let held = kit
        .clusters("vera")
        .get_cluster(pb::GetClusterRequest { id: cluster.id })
        .await;
    let held = held.unwrap().into_inner().cluster.unwrap();
    assert_eq!(held.status(), pb::ClusterStatus::Stopping);
    assert_eq!((held.active_task_id, held.generation), (Some(task.id), 1));
}

#[tokio::test]
async fn a_basic_view_has_no_subtasks_but_their_numbers() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let basic = pb::StopClusterRequest {
        view: pb::TaskView::Basic.into(),
        ..request(cluster.id)
    };
    let task = stop(&kit, basic).await.unwrap();
    assert_eq!((task.subtasks.len(), task.progress.unwrap().total), (0, 11));
}

#[tokio::test]
async fn a_dry_run_shows_the_graph_and_writes_nothing() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 2).await;
    let dry = pb::StopClusterRequest {
        validate_only: true,
        request_id: "once".to_owned(),
        ..request(cluster.id)
    };
    for _ in 0..2 {
        let task = stop(&kit, dry.clone()).await.unwrap();
        assert_eq!(task.id, 0);
        let ids: Vec<_> = task.subtasks.iter().map(|subtask| subtask.id).collect();
        assert_eq!(ids, Vec::from_iter(1..=14));
        assert_eq!(task.subtasks[0].downstreams, [2]);
    }
    assert_eq!(task_count(&kit).await, 0);
    let real = pb::StopClusterRequest {
        validate_only: false,
        ..dry.clone()
    };
    let task = stop(&kit, real).await.unwrap();
    // Neither does it answer with what was done under its key.
    let details = refused(
        stop(&kit, dry).await,
        Code::FailedPrecondition,
        "OPERATION_UNFINISHED",
        11020,
    );
    assert_eq!(
        details.error_info().unwrap().metadata["active_task_id"],
        task.id.to_string()
    );
}

#[tokio::test]
async fn a_held_cluster_is_refused_with_the_task_that_holds_it() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = stop(&kit, request(cluster.id)).await.unwrap();
    let held = |answer| {
        refused(
            answer,
            Code::FailedPrecondition,
            "OPERATION_UNFINISHED",
            11020,
        )
    };
    let details = held(stop(&kit, request(cluster.id)).await.map(drop));
    assert_eq!(
        details.error_info().unwrap().metadata["active_task_id"],
        task.id.to_string()
    );

    kit.run(task.id, Some(SubtaskKind::StopObserverProcess))
        .await;
    held(stop(&kit, request(cluster.id)).await.map(drop));
    let forget = pb::UnregisterClusterRequest {
        id: cluster.id,
        request_id: String::new(),
    };
    held(
        kit.clusters("mona")
            .unregister_cluster(forget)
            .await
            .map(drop),
    );
}

#[tokio::test]
async fn of_two_stops_at_once_one_is_accepted() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 3).await;
    let stops = (0..8).map(|_| stop(&kit, request(cluster.id)));
    let answers = futures::future::join_all(stops).await;
    let (accepted, refusals): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((accepted.len(), refusals.len()), (1, 7));
    let id = accepted.into_iter().next().unwrap().unwrap().id.to_string();
    for answer in refusals {
        let details = refused(
            answer,
            Code::FailedPrecondition,
            "OPERATION_UNFINISHED",
            11020,
        );
        assert_eq!(details.error_info().unwrap().metadata["active_task_id"], id);
    }
}

#[tokio::test]
async fn a_stopped_cluster_is_not_stopped_again() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = stop(&kit, request(cluster.id)).await.unwrap();
    kit.run(task.id, None).await;
    let details = refused(
        stop(&kit, request(cluster.id)).await,
        Code::FailedPrecondition,
        "CLUSTER_STATUS",
        11007,
    );
    assert_eq!(details.error_info().unwrap().metadata["status"], "STOPPED");
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let kit = Kit::new().await;
    for id in [0, -1, 7, i64::MAX] {
        let answer = stop(&kit, request(id)).await;
        let details = refused(answer, Code::NotFound, "CLUSTER_NOT_FOUND", 11001);
        assert_eq!(
            details.resource_info().unwrap().resource_name,
            id.to_string()
        );
        let answer = kit
            .tasks("vera")
            .get_task(pb::GetTaskRequest { id, view: 0 })
            .await;
        refused(answer, Code::NotFound, "TASK_NOT_FOUND", 4001);
    }
}

#[tokio::test]
async fn faults_of_a_stop_name_their_fields() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let faulty = pb::StopClusterRequest {
        request_id: "é".to_owned(),
        mode: 9,
        view: 9,
        ..request(cluster.id)
    };
    let details = refused(
        stop(&kit, faulty).await,
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
        0,
    );
    assert_eq!(fields(&details), ["request_id", "view", "mode"]);
    for (request_id, valid) in [
        ("x".repeat(128), true),
        ("x".repeat(129), false),
        ("a\tb".into(), false),
    ] {
        let dry = pb::StopClusterRequest {
            request_id,
            validate_only: true,
            ..request(cluster.id)
        };
        assert_eq!(stop(&kit, dry).await.is_ok(), valid);
    }
}

#[tokio::test]
async fn the_same_request_again_gets_the_first_answer() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 2, 2).await;
    let keyed = pb::StopClusterRequest {
        request_id: "once".to_owned(),
        ..request(cluster.id)
    };
    let first = stop(&kit, keyed.clone()).await.unwrap();
    assert_eq!(stop(&kit, keyed.clone()).await.unwrap(), first);
    kit.run(first.id, None).await;
    assert_eq!(
        stop(&kit, keyed.clone()).await.unwrap(),
        first,
        "whatever has happened since"
    );
    assert_eq!(task_count(&kit).await, 1);

    let other = pb::StopClusterRequest {
        mode: pb::StopMode::Immediate.into(),
        ..keyed.clone()
    };
    let details = refused(
        stop(&kit, other).await,
        Code::AlreadyExists,
        "REQUEST_ID_REUSED",
        1005,
    );
    assert_eq!(fields(&details), ["request_id"]);
    // A key is one user's own.
    let answer = kit.clusters("admin").stop_cluster(keyed).await;
    refused(answer, Code::FailedPrecondition, "CLUSTER_STATUS", 11007);
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_carried_out_once() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 3).await;
    let keyed = pb::StopClusterRequest {
        request_id: "once".to_owned(),
        ..request(cluster.id)
    };
    let stops = (0..8).map(|_| stop(&kit, keyed.clone()));
    let answers = futures::future::join_all(stops).await;
    let first = answers[0].as_ref().unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap() == first)
    );
    assert_eq!(task_count(&kit).await, 1);
}

#[tokio::test]
async fn a_refused_stop_is_not_remembered() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = stop(&kit, request(cluster.id)).await.unwrap();
    let keyed = pb::StopClusterRequest {
        request_id: "later".to_owned(),
        ..request(cluster.id)
    };
    stop(&kit, keyed.clone()).await.unwrap_err();
    kit.run(task.id, None).await;
    refused(
        stop(&kit, keyed).await,
        Code::FailedPrecondition,
        "CLUSTER_STATUS",
        11007,
    );
}
