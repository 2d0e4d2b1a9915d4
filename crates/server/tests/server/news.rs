//! WatchTasks: what runs, then whatever changes.

use futures::StreamExt as _;
use slacktide_api::v1 as pb;
use tonic::{Code, Status, Streaming};

use crate::kit::{Kit, refused};

type News = Streaming<pb::WatchTasksResponse>;

async fn watch_as(kit: &Kit, user: &str, cluster_id: Option<i64>) -> Result<News, Status> {
    let request = pb::WatchTasksRequest { cluster_id };
    let answer = kit.tasks(user).watch_tasks(request).await?;
    Ok(answer.into_inner())
}

async fn watch(kit: &Kit, cluster_id: Option<i64>) -> News {
    watch_as(kit, "vera", cluster_id).await.unwrap()
}

async fn next(news: &mut News) -> pb::Task {
    news.next().await.unwrap().unwrap().task.unwrap()
}

/// What is told until a task has this status.
async fn until(news: &mut News, task: i64, status: pb::TaskStatus) -> Vec<pb::Task> {
    let mut told = Vec::new();
    loop {
        let one = next(news).await;
        let last = one.id == task && one.status() == status;
        told.push(one);
        if last {
            return told;
        }
    }
}

#[tokio::test]
async fn first_comes_what_runs_and_then_what_changes() {
    let kit = Kit::new().await;
    let running = kit.register("ada", 1, 1).await;
    let ended = kit.register("bob", 1, 1).await;
    let ended = kit.stop(ended.id).await;
    kit.run(ended.id, None).await;
    let running = kit.stop(running.id).await;

    let mut news = watch(&kit, None).await;
    let first = next(&mut news).await;
    let expected = pb::Task {
        subtasks: Vec::new(),
        ..running.clone()
    };
    assert_eq!(first, expected);

    let later = kit.register("dora", 1, 1).await;
    let later = kit.stop(later.id).await;
    kit.run(running.id, None).await;
    kit.run(later.id, None).await;
    let mut told = until(&mut news, later.id, pb::TaskStatus::Successful).await;
    // Of tasks that ended before anybody looked, either may be told first.
    let is_last =
        |task: &pb::Task| task.id == running.id && task.status() == pb::TaskStatus::Successful;
    if !told.iter().any(is_last) {
        told.extend(until(&mut news, running.id, pb::TaskStatus::Successful).await);
    }
    assert!(told.iter().all(|task| task.id != ended.id), "ended before");
    for id in [running.id, later.id] {
        let of_task: Vec<_> = told.iter().filter(|task| task.id == id).collect();
        assert!(
            of_task.is_sorted_by_key(|task| task.revision),
            "never backwards"
        );
        assert_eq!(of_task.last().unwrap().status(), pb::TaskStatus::Successful);
    }
}

#[tokio::test]
async fn the_tasks_of_one_cluster_are_watched_alone() {
    let kit = Kit::new().await;
    let (ada, bob) = (
        kit.register("ada", 1, 1).await,
        kit.register("bob", 1, 1).await,
    );
    let mut news = watch(&kit, Some(bob.id)).await;
    let other = kit.stop(ada.id).await;
    kit.run(other.id, None).await;
    let own = kit.stop(bob.id).await;
    kit.run(own.id, None).await;
    let told = until(&mut news, own.id, pb::TaskStatus::Successful).await;
    assert!(told.iter().all(|task| task.id == own.id));
}

#[tokio::test]
async fn whoever_reads_late_still_sees_how_each_task_ended() {
    let kit = Kit::new().await;
    let cluster = kit.register("ada", 1, 120).await;
    let mut late = watch(&kit, None).await;
    let mut prompt = watch(&kit, None).await;
    let stop = kit.stop(cluster.id).await;
    let ended = until(&mut prompt, stop.id, pb::TaskStatus::Successful);
    futures::join!(kit.run(stop.id, None), ended);
    until(&mut late, stop.id, pb::TaskStatus::Successful).await;
}

#[tokio::test]
async fn a_drain_ends_the_news() {
    let kit = Kit::new().await;
    let cluster = kit.register("ada", 1, 1).await;
    let mut news = watch(&kit, None).await;
    let task = kit.stop(cluster.id).await;
    kit.drain.cancel();
    assert_eq!(next(&mut news).await.id, task.id, "told before the drain");
    let end = news.next().await.unwrap();
    refused(end, Code::Unavailable, "DRAINING", 0);
}

#[tokio::test]
async fn news_are_for_those_who_may_read_tasks_and_of_clusters_that_there_are() {
    let kit = Kit::new().await;
    let denied = watch_as(&kit, "nora", None).await.map(drop);
    refused(denied, Code::PermissionDenied, "PERMISSION_DENIED", 3100);
    let unknown = watch_as(&kit, "vera", Some(77)).await.map(drop);
    refused(unknown, Code::NotFound, "CLUSTER_NOT_FOUND", 11001);
}
