//! Hosts on which nobody is left, and labels that nobody has.

use std::time::{Duration, Instant};

use slacktide_engine::{
    commit::{Event, Observation, Outcome, Refusal},
    id::TaskId,
    kind::SubtaskKind,
    status::{Goal, Operation, ResourceStatus, SubtaskStatus, TaskStatus},
};
use slacktide_executor::Options;
use slacktide_store::StoreError;

use crate::{
    kit::{Fixture, LIMIT, Of, of_kind, on, server, simulated, statuses},
    recovery::hurry,
};

const STOPS: SubtaskKind = SubtaskKind::StopObserverProcess;
const ELSEWHERE: &str = "elsewhere";

/// An executor that gives places up soon.
fn impatient(fixture: &Fixture) -> Options {
    Options {
        host_grace: Duration::from_millis(300),
        tick: Duration::from_millis(100),
        ..fixture.options()
    }
}

/// Registers a server that is down, on a host on which nobody is yet, and submits its stop.
async fn stop_elsewhere(fixture: &Fixture) -> TaskId {
    fixture.down("ob1");
    let elsewhere = on(ELSEWHERE, &fixture.path().join("ob1"));
    fixture.register(vec![vec![elsewhere]]).await;
    fixture.submit(Goal::Stop, Of::Cluster).await
}

#[tokio::test]
async fn a_run_whose_host_died_with_its_executor_ends_soon_with_its_outcome_unknown() {
    let fixture = Fixture::new().await;
    let task = stop_elsewhere(&fixture).await;
    let dying = fixture.play_on(ELSEWHERE, "e1").await;
    let run = dying.claim_stop(task).await;
    let other = fixture.start("e2", impatient(&fixture)).await;
    // While its executor has its lease, the run is its own.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = fixture.snapshot(task).await;
    assert_eq!(of_kind(&before, STOPS).state.status, SubtaskStatus::Running);

    dying.lose_lease().await;
    let snapshot = fixture.failed(task).await;

    let stop = of_kind(&snapshot, STOPS);
    assert_eq!(
        (stop.state.status, stop.state.operation),
        (SubtaskStatus::Failed, Operation::Execute)
    );
    let error = stop.state.error.as_deref().expect("a reason");
    for part in [
        "no executor is alive on host elsewhere",
        "the outcome is unknown",
        "start slacktide there",
        "then retry, or skip it",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let cluster = fixture.cluster().await;
    let server = server(&cluster, 0);
    assert_eq!(
        (server.status, server.status_reason.as_str()),
        (ResourceStatus::Unavailable, error)
    );

    // It was only paused, and wakes: nothing of it counts.
    let gone = Outcome {
        result: Ok(()),
        observed: Some(Observation::Gone),
    };
    let late = dying.commit(task, dying.finish(&run, gone)).await;
    let refused = matches!(late, Err(StoreError::Refused(Refusal::Stale { .. })));
    assert!(refused, "{late:?}");
    let intent = fixture.store.record_intent(&run, "SIGKILL").await;
    assert!(!intent.expect("the store answers"));

    let options = Options {
        host: ELSEWHERE.to_owned(),
        ..fixture.options()
    };
    let back = fixture.start("e3", options).await;
    fixture.command(task, Event::RetryTask).await;
    fixture.ended_well(task).await;
    assert_eq!(fixture.cluster().await.status, ResourceStatus::Stopped);
    back.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_canceled_run_whose_host_died_ends_when_its_time_for_that_is_over() {
    let fixture = Fixture::new().await;
    let task = stop_elsewhere(&fixture).await;
    hurry(&fixture, task).await;
    let dying = fixture.play_on(ELSEWHERE, "e1").await;
    let run = dying.claim_stop(task).await;
    fixture.command(task, Event::CancelSubtask(run.id)).await;
    dying.lose_lease().await;

    // Neither the grace of a late run is waited for nor that of a host: both are longer.
    let asked = Instant::now();
    let other = fixture.start("e2", fixture.options()).await;
    let snapshot = fixture.failed(task).await;

    let took = asked.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let stop = of_kind(&snapshot, STOPS);
    assert_eq!(
        (stop.state.status, stop.state.operation),
        (SubtaskStatus::Failed, Operation::Cancel)
    );
    let error = stop.state.error.as_deref().expect("a reason");
    assert!(error.contains("the outcome is unknown"), "{error}");
    assert!(stop.epoch > run.epoch);
    other.stop().await;
}

#[tokio::test]
async fn what_waits_for_labels_that_nobody_has_fails_and_is_retried_by_one_that_has_them() {
    let fixture = Fixture::new().await;
    let without = fixture.start("e1", impatient(&fixture)).await;
    let selector = "dc=a,rack=7".parse().expect("a selector");
    let servers = vec![vec![simulated(0, 0, false)]];
    fixture.register_as(servers, None, selector).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;

    let snapshot = fixture.failed(task).await;
    let error = snapshot.task.state.error.expect("a reason");
    assert!(
        error.contains("no executor with the labels dc=a,rack=7 is alive"),
        "{error}"
    );

    let options = Options {
        labels: "dc=a,rack=7".parse().expect("labels"),
        ..impatient(&fixture)
    };
    let with = fixture.start("e2", options).await;
    fixture.command(task, Event::RetryTask).await;
    fixture.ended_well(task).await;
    with.stop().await;
    without.stop().await;
}

#[tokio::test]
async fn what_waits_for_labels_that_nobody_has_can_be_skipped() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", impatient(&fixture)).await;
    let selector = "dc=a".parse().expect("a selector");
    let servers = vec![vec![simulated(0, 0, false)]];
    let cluster = fixture.register_as(servers, None, selector).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;

    let skipping = Instant::now();
    loop {
        let snapshot = fixture.ended(task).await;
        if snapshot.task.state.status == TaskStatus::Successful {
            break;
        }
        assert!(skipping.elapsed() < LIMIT);
        let failed = snapshot
            .subtasks
            .iter()
            .find(|subtask| subtask.state.status == SubtaskStatus::Failed)
            .expect("a failed subtask");
        fixture.command(task, Event::SkipSubtask(failed.id)).await;
    }
    // Nobody did anything but look.
    assert!(fixture.acts(server(&cluster, 0).id).is_empty());
    let cluster = fixture.cluster().await;
    assert_eq!(statuses(&cluster), [ResourceStatus::Running]);
    assert_eq!(cluster.status, ResourceStatus::Unavailable);
    executor.stop().await;
}
