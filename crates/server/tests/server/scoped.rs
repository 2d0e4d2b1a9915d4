//! Users whose rights are on one cluster.

use futures::StreamExt as _;
use slacktide_api::v1 as pb;
use slacktide_engine::id::TaskId;
use tonic::{Code, Status};

use crate::kit::{Kit, refused};

/// Two clusters, the first of which is west's, each with a task that runs.
struct Two {
    kit: Kit,
    west: String,
    own: pb::Cluster,
    own_task: pb::Task,
    other: pb::Cluster,
    other_task: pb::Task,
}

async fn two() -> Two {
    let kit = Kit::new().await;
    let (own, other) = (
        kit.register("own", 1, 1).await,
        kit.register("other", 1, 1).await,
    );
    let rights = ["READ", "UPDATE"].map(|action| format!("CLUSTER:{}:{action}", own.id));
    let rights: Vec<_> = rights.iter().map(String::as_str).collect();
    Two {
        west: kit.user_with("WEST", &rights).await,
        own_task: kit.stop(own.id).await,
        other_task: kit.stop(other.id).await,
        kit,
        own,
        other,
    }
}

fn denied<T: std::fmt::Debug>(answer: Result<T, Status>, permission: &str) {
    let details = refused(answer, Code::PermissionDenied, "PERMISSION_DENIED", 3100);
    let told = &details.error_info().unwrap().metadata["permission"];
    assert_eq!(told, permission);
}

#[tokio::test]
async fn one_cluster_is_read_and_the_other_is_not() {
    let Two {
        kit,
        west,
        own,
        other,
        ..
    } = two().await;
    let mut clusters = kit.clusters(&west);
    let get = |id| pb::GetClusterRequest { id };
    clusters.get_cluster(get(own.id)).await.unwrap();
    let read_other = format!("CLUSTER:{}:READ", other.id);
    denied(clusters.get_cluster(get(other.id)).await, &read_other);
    // Of one that is not there is told no more.
    denied(clusters.get_cluster(get(99)).await, "CLUSTER:99:READ");

    let listed = clusters
        .list_clusters(pb::ListClustersRequest::default())
        .await;
    let listed = listed.unwrap().into_inner();
    let ids: Vec<_> = listed.clusters.iter().map(|cluster| cluster.id).collect();
    assert_eq!((ids, listed.total_size), (vec![own.id], 1));
    assert_eq!(listed.next_page_token, "");
}

#[tokio::test]
async fn one_cluster_is_operated_on_and_the_other_is_not() {
    let Two {
        kit,
        west,
        own,
        other,
        ..
    } = two().await;
    let stop = |id| pb::StopClusterRequest {
        id,
        ..Default::default()
    };
    let mut clusters = kit.clusters(&west);
    let held = clusters.stop_cluster(stop(own.id)).await;
    refused(
        held,
        Code::FailedPrecondition,
        "OPERATION_UNFINISHED",
        11020,
    );
    let update_other = format!("CLUSTER:{}:UPDATE", other.id);
    denied(clusters.stop_cluster(stop(other.id)).await, &update_other);
    let unregister = pb::UnregisterClusterRequest {
        id: own.id,
        ..Default::default()
    };
    let delete_own = format!("CLUSTER:{}:DELETE", own.id);
    denied(clusters.unregister_cluster(unregister).await, &delete_own);
    let register = pb::RegisterClusterRequest::default();
    denied(
        clusters.register_cluster(register).await,
        "CLUSTER:*:CREATE",
    );
}

#[tokio::test]
async fn tasks_and_logs_of_the_other_cluster_are_not_shown() {
    let Two {
        kit,
        west,
        own,
        own_task,
        other,
        other_task,
    } = two().await;
    let mut tasks = kit.tasks(&west);
    for (task, subtask, allowed) in [
        (own_task.id, own_task.subtasks[0].id, true),
        (other_task.id, other_task.subtasks[0].id, false),
        // A subtask of the other under the name of the own task.
        (99, 99, false),
    ] {
        let answers = [
            tasks
                .get_task(pb::GetTaskRequest { id: task, view: 0 })
                .await
                .map(drop),
            tasks
                .get_subtask_log(pb::GetSubtaskLogRequest {
                    task_id: task,
                    subtask_id: subtask,
                })
                .await
                .map(drop),
            tasks
                .watch_task(pb::WatchTaskRequest {
                    task_id: task,
                    after_revision: None,
                })
                .await
                .map(drop),
            tasks
                .watch_subtask_log(pb::WatchSubtaskLogRequest {
                    task_id: task,
                    subtask_id: subtask,
                })
                .await
                .map(drop),
            tasks
                .download_diagnosis(pb::DownloadDiagnosisRequest { task_id: task })
                .await
                .map(drop),
        ];
        for answer in answers {
            match allowed {
                true => answer.unwrap(),
                false => denied(answer, &format!("TASK:{task}:READ")),
            }
        }
    }
    // A subtask of the other cluster is not reached through a task of the own.
    let through = pb::GetSubtaskLogRequest {
        task_id: own_task.id,
        subtask_id: other_task.subtasks[0].id,
    };
    let answer = tasks.get_subtask_log(through).await;
    assert_eq!(answer.unwrap_err().code(), Code::NotFound);

    let listed = tasks.list_tasks(pb::ListTasksRequest::default()).await;
    let listed = listed.unwrap().into_inner();
    let ids: Vec<_> = listed.tasks.iter().map(|task| task.id).collect();
    assert_eq!((ids, listed.total_size), (vec![own_task.id], 1));
    let of = |cluster: &pb::Cluster| pb::ListTasksRequest {
        cluster_id: Some(cluster.id),
        ..Default::default()
    };
    let listed = tasks.list_tasks(of(&own)).await.unwrap().into_inner();
    assert_eq!(listed.total_size, 1);
    let read_other = format!("CLUSTER:{}:READ", other.id);
    denied(tasks.list_tasks(of(&other)).await, &read_other);
}

#[tokio::test]
async fn tasks_of_the_other_cluster_are_not_commanded() {
    let Two {
        kit,
        west,
        own_task,
        other_task,
        ..
    } = two().await;
    let mut tasks = kit.tasks(&west);
    let cancel = |id| pb::CancelTaskRequest {
        id,
        ..Default::default()
    };
    let update_other = format!("TASK:{}:UPDATE", other_task.id);
    denied(
        tasks.cancel_task(cancel(other_task.id)).await,
        &update_other,
    );
    let skip = pb::SkipSubtaskRequest {
        task_id: other_task.id,
        subtask_id: other_task.subtasks[0].id,
        ..Default::default()
    };
    denied(tasks.skip_subtask(skip).await, &update_other);
    let untouched = kit.store.task(TaskId(other_task.id), false).await.unwrap();
    assert_eq!(untouched.task.revision, other_task.revision);
    tasks.cancel_task(cancel(own_task.id)).await.unwrap();
}

#[tokio::test]
async fn a_watch_of_all_tasks_shows_those_of_one_cluster() {
    let Two {
        kit,
        west,
        own_task,
        other,
        other_task,
        ..
    } = two().await;
    let mut tasks = kit.tasks(&west);
    let watch = |cluster_id| pb::WatchTasksRequest { cluster_id };
    denied(
        tasks.watch_tasks(watch(Some(other.id))).await.map(drop),
        &format!("CLUSTER:{}:READ", other.id),
    );
    denied(
        tasks.watch_tasks(watch(Some(99))).await.map(drop),
        "CLUSTER:99:READ",
    );

    let watched = tasks.watch_tasks(watch(None)).await.unwrap().into_inner();
    // The other first: had it been told, it would have been told before the end of the own.
    kit.run(other_task.id, None).await;
    kit.run(own_task.id, None).await;
    let told: Vec<_> = watched
        .map(|message| message.unwrap().task.unwrap())
        .take_while(|task| {
            let ended = task.id == own_task.id && task.status() == pb::TaskStatus::Successful;
            std::future::ready(!ended)
        })
        .map(|task| task.id)
        .collect()
        .await;
    assert!(!told.is_empty());
    assert!(told.iter().all(|id| *id == own_task.id), "{told:?}");
}

#[tokio::test]
async fn to_manage_is_not_to_read() {
    let kit = Kit::new().await;
    let cluster = kit.register("own", 1, 1).await;
    let update = format!("CLUSTER:{}:UPDATE", cluster.id);
    let una = kit.user_with("UNA", &[&update]).await;
    let stop = pb::StopClusterRequest {
        id: cluster.id,
        ..Default::default()
    };
    let task = kit.clusters(&una).stop_cluster(stop).await.unwrap();
    let id = task.into_inner().task.unwrap().id;
    let get = pb::GetTaskRequest { id, view: 0 };
    denied(
        kit.tasks(&una).get_task(get).await,
        &format!("TASK:{id}:READ"),
    );
    let get = pb::GetClusterRequest { id: cluster.id };
    let read = format!("CLUSTER:{}:READ", cluster.id);
    denied(kit.clusters(&una).get_cluster(get).await, &read);
    let mut tasks = kit.tasks(&una);
    let list = tasks.list_tasks(pb::ListTasksRequest::default());
    denied(list.await, "TASK:*:READ");
}
