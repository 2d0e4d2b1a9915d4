//! How much runs at a time, and where.

use std::time::{Duration, Instant};

use slacktide_engine::{
    kind::SubtaskKind,
    selector::Selector,
    status::{Goal, SubtaskStatus},
};
use slacktide_executor::Options;

use crate::kit::{Fixture, Of, is, most_running, simulated};

#[tokio::test]
async fn a_task_with_a_limit_never_runs_more_and_goes_on_at_once() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    fixture
        .register(vec![vec![simulated(20, 0, false); 10]])
        .await;
    let began = Instant::now();
    let task = fixture
        .submit_limited(Goal::Stop, Of::Cluster, Some(1))
        .await;
    fixture.ended_well(task).await;

    assert_eq!(most_running(&fixture.store, task).await, 1);
    // Thirty runs, one after the other: at a tick a second it would take half a minute.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    executor.stop().await;
}

#[tokio::test]
async fn a_hundred_servers_are_stopped_all_at_once_and_not_ten_at_a_time() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let servers = vec![simulated(1000, 0, false); 100];
    fixture.register(vec![servers]).await;
    let stop = fixture.reach(Goal::Stop, Of::Cluster).await;
    assert_eq!(most_running(&fixture.store, stop.task.id).await, 100);
    executor.stop().await;
}

#[tokio::test]
async fn a_task_at_its_limit_hides_no_other_task() {
    let fixture = Fixture::new().await;
    let options = Options {
        capacity: 2,
        ..fixture.options()
    };
    let executor = fixture.start("e1", options).await;
    fixture.register(vec![vec![simulated(0, 0, true); 9]]).await;
    let hanging = fixture
        .submit_limited(Goal::Stop, Of::Cluster, Some(1))
        .await;
    let stops = SubtaskKind::StopObserverProcess;
    fixture
        .until(hanging, is(stops, SubtaskStatus::Running))
        .await;

    // Of the first task, one run takes half of the room, and eight older subtasks wait for its end.
    let other = fixture.register_simulated(1, 2).await;
    let task = fixture
        .submit_to(&other, Goal::Stop, Of::Cluster, None)
        .await;
    fixture.ended_well(task).await;
    assert_eq!(most_running(&fixture.store, hanging).await, 1);
    executor.stop().await;
}

#[tokio::test]
async fn a_host_never_has_more_runs_than_its_limit() {
    let fixture = Fixture::new().await;
    let options = Options {
        per_host: 2,
        ..fixture.options()
    };
    let executor = fixture.start("e1", options).await;
    let servers = (0..8).map(|index| fixture.down(&format!("ob{index}")));
    fixture.register(vec![servers.collect()]).await;
    let began = Instant::now();
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    fixture.ended_well(task).await;

    let most = most_running(&fixture.store, task).await;
    assert!((1..=2).contains(&most), "{most} at a time");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    executor.stop().await;
}

#[tokio::test]
async fn only_an_executor_with_the_labels_works_on_a_cluster() {
    let fixture = Fixture::new().await;
    let without = fixture.start("e1", fixture.options()).await;
    let selector: Selector = "dc=a".parse().expect("a selector");
    let servers = vec![vec![simulated(0, 0, false)]];
    fixture.register_as(servers, None, selector).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    let waits = |snapshot: &slacktide_store::TaskSnapshot| {
        let mut subtasks = snapshot.subtasks.iter();
        subtasks.any(|subtask| subtask.state.status == SubtaskStatus::Ready)
    };
    // Two ticks, at which it could be claimed.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(waits(&fixture.snapshot(task).await));

    let options = Options {
        host: "there".to_owned(),
        labels: "dc=a,rack=7".parse().expect("labels"),
        ..fixture.options()
    };
    let with = fixture.start("e2", options).await;
    let snapshot = fixture.ended_well(task).await;
    for subtask in &snapshot.subtasks {
        assert_eq!(subtask.state.executor.as_deref(), Some("there"));
    }
    with.stop().await;
    without.stop().await;
}
