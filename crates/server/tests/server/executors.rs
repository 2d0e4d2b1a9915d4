//! ListExecutors.

use slacktide_api::v1::{self as pb, executor_service_client::ExecutorServiceClient};
use slacktide_engine::id::TaskId;
use slacktide_store::NewExecutor;
use tonic::Code;

use crate::kit::{Credentials, HOST, Kit, PASSWORD, refused};

async fn list(kit: &Kit, user: &str) -> Result<Vec<pb::Executor>, tonic::Status> {
    let client = kit.client(Credentials::basic(user, PASSWORD));
    let mut client = ExecutorServiceClient::new(client);
    let answer = client.list_executors(pb::ListExecutorsRequest {}).await?;
    Ok(answer.into_inner().executors)
}

#[tokio::test]
async fn an_executor_shows_its_lease_and_what_it_runs() {
    let kit = Kit::new().await;
    assert_eq!(list(&kit, "vera").await.unwrap(), []);
    let executor = NewExecutor {
        id: "executor1".to_owned(),
        host: HOST.to_owned(),
        labels: "dc=a".parse().unwrap(),
        capacity: 8,
    };
    kit.store.begin_lease(executor, false).await.unwrap();
    kit.store.renew_lease("executor1").await.unwrap();
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let run = kit.claim(TaskId(task.id)).await.remove(0);

    let listed = list(&kit, "vera").await.unwrap();
    assert_eq!(listed.len(), 1);
    let one = &listed[0];
    assert_eq!((&*one.id, &*one.host), ("executor1", HOST));
    assert_eq!(
        (one.capacity, one.renewals, &*one.labels["dc"]),
        (8, 1, "a")
    );
    let runs: Vec<_> = one
        .runs
        .iter()
        .map(|run| (run.task_id, run.subtask_id, &*run.name))
        .collect();
    assert_eq!(runs, [(task.id, run.id.0, "Prepare stop observer")]);
}

#[tokio::test]
async fn executors_are_shown_to_those_who_may_read_tasks() {
    let kit = Kit::new().await;
    let denied = list(&kit, "nora").await;
    refused(denied, Code::PermissionDenied, "PERMISSION_DENIED", 3100);
}
