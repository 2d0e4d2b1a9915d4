//! What operators do with operations that fail or take too long.

use std::time::{Duration, Instant};

use slacktide_engine::{
    cluster::SqlAccount,
    commit::Event,
    kind::SubtaskKind,
    selector::Selector,
    status::{Goal, Operation, ResourceStatus, SubtaskStatus},
};
use slacktide_store::ServerSettings;

use crate::kit::{Fixture, Of, is, of_kind, server, simulated, statuses};

const STOPS: SubtaskKind = SubtaskKind::StopObserverProcess;

#[tokio::test]
async fn a_retry_runs_what_failed_again_and_nothing_else() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let good = simulated(0, 0, false);
    let cluster = fixture
        .register(vec![vec![good, simulated(0, 1, false)]])
        .await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    fixture.failed(task).await;

    fixture.command(task, Event::RetryTask).await;
    let snapshot = fixture.ended_well(task).await;

    let runs: Vec<_> = snapshot
        .subtasks
        .iter()
        .filter(|subtask| subtask.kind == STOPS)
        .map(|subtask| (subtask.state.run_time, subtask.state.operation))
        .collect();
    assert_eq!(runs, [(1, Operation::Execute), (2, Operation::Retry)]);
    for index in [0, 1] {
        assert_eq!(fixture.acts(server(&cluster, index).id), ["stop"]);
    }
    assert_eq!(fixture.cluster().await.status, ResourceStatus::Stopped);
    executor.stop().await;
}

#[tokio::test]
async fn a_stop_that_is_rolled_back_starts_what_it_stopped() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let good = simulated(0, 0, false);
    let cluster = fixture
        .register(vec![vec![good, simulated(0, 9, false)]])
        .await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    fixture.failed(task).await;

    fixture.command(task, Event::RollbackTask).await;
    let snapshot = fixture.ended_well(task).await;

    assert_eq!(snapshot.task.state.operation, Operation::Rollback);
    let all_pending =
        |s: &slacktide_engine::subtask::Subtask| s.state.status == SubtaskStatus::Pending;
    assert!(snapshot.subtasks.iter().all(all_pending));
    let cluster_now = fixture.cluster().await;
    assert_eq!(statuses(&cluster_now), [ResourceStatus::Running; 2]);
    assert_eq!(
        (cluster_now.status, cluster_now.active_task),
        (ResourceStatus::Running, None)
    );
    assert_eq!(fixture.acts(server(&cluster, 0).id), ["stop", "start"]);
    assert!(fixture.acts(server(&cluster, 1).id).is_empty());
    executor.stop().await;
}

#[tokio::test]
async fn a_start_that_is_rolled_back_stops_only_what_it_started() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    // The second server cannot be started: its directory holds no configuration.
    let cluster = fixture
        .register(vec![vec![simulated(0, 0, false), fixture.down("ob2")]])
        .await;
    fixture.reach(Goal::Stop, Of::Cluster).await;
    let task = fixture.submit(Goal::Start, Of::Cluster).await;
    let failed = fixture.failed(task).await;
    let error = failed.task.state.error.expect("a reason");
    assert!(error.contains("no configuration"), "{error}");
    let first = server(&cluster, 0).id;
    assert_eq!(fixture.acts(first), ["stop", "start"]);

    fixture.command(task, Event::RollbackTask).await;
    fixture.ended_well(task).await;

    assert_eq!(fixture.acts(first), ["stop", "start", "stop"]);
    let cluster = fixture.cluster().await;
    assert_eq!(statuses(&cluster), [ResourceStatus::Stopped; 2]);
    assert_eq!(cluster.status, ResourceStatus::Stopped);
    executor.stop().await;
}

#[tokio::test]
async fn a_restart_that_is_rolled_back_leaves_running_what_runs_again() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let good = || vec![simulated(0, 0, false)];
    let bad = vec![simulated(0, 9, false)];
    let cluster = fixture.register(vec![good(), bad, good()]).await;
    let task = fixture.submit(Goal::Restart, Of::Cluster).await;
    fixture.failed(task).await;

    fixture.command(task, Event::RollbackTask).await;
    fixture.ended_well(task).await;

    assert_eq!(fixture.acts(server(&cluster, 0).id), ["stop", "start"]);
    assert!(fixture.acts(server(&cluster, 1).id).is_empty());
    let cluster = fixture.cluster().await;
    assert_eq!(statuses(&cluster), [ResourceStatus::Running; 3]);
    assert_eq!(cluster.status, ResourceStatus::Running);
    executor.stop().await;
}

#[tokio::test]
async fn a_skipped_stop_says_what_is_seen_of_the_server() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let good = simulated(0, 0, false);
    fixture
        .register(vec![vec![good, simulated(0, 9, false)]])
        .await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    let mut snapshot = fixture.failed(task).await;

    // First the stop, then the look that finds the server running.
    for kind in [STOPS, SubtaskKind::UpdateObserverStatus] {
        let failed = snapshot
            .subtasks
            .iter()
            .find(|subtask| subtask.state.status == SubtaskStatus::Failed)
            .expect("a failed subtask");
        assert_eq!(failed.kind, kind);
        fixture.command(task, Event::SkipSubtask(failed.id)).await;
        snapshot = fixture.ended(task).await;
    }

    fixture.ended_well(task).await;
    let cluster = fixture.cluster().await;
    assert_eq!(
        statuses(&cluster),
        [ResourceStatus::Stopped, ResourceStatus::Running]
    );
    assert_eq!(
        (cluster.status, cluster.active_task),
        (ResourceStatus::Unavailable, None)
    );
    executor.stop().await;
}

#[tokio::test]
async fn a_stop_that_hangs_is_canceled_within_ten_seconds_and_can_be_retried() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let cluster = fixture.register(vec![vec![simulated(0, 0, true)]]).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    let running = fixture.until(task, is(STOPS, SubtaskStatus::Running)).await;
    let stop = of_kind(&running, STOPS);

    let asked = Instant::now();
    fixture.command(task, Event::CancelSubtask(stop.id)).await;
    let snapshot = fixture.failed(task).await;
    assert!(asked.elapsed() < Duration::from_secs(10));
    let state = &of_kind(&snapshot, STOPS).state;
    assert_eq!(
        (state.status, state.operation),
        (SubtaskStatus::Failed, Operation::Cancel)
    );
    let error = state.error.as_deref().expect("a reason");
    assert!(error.contains("canceled on an operator's word"), "{error}");
    let cluster_now = fixture.cluster().await;
    assert_eq!(statuses(&cluster_now), [ResourceStatus::Running]);

    let settings = vec![ServerSettings {
        id: server(&cluster, 0).id,
        driver: simulated(0, 0, false),
    }];
    let mended = fixture
        .store
        .mend(cluster.id, None, Default::default(), settings, None);
    mended.await.expect("the cluster is mended");
    fixture.command(task, Event::RetrySubtask(stop.id)).await;
    fixture.ended_well(task).await;
    assert_eq!(fixture.cluster().await.status, ResourceStatus::Stopped);
    executor.stop().await;
}

#[tokio::test]
async fn a_canceled_task_ends_what_runs_and_starts_nothing_more() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let cluster = fixture.register(vec![vec![simulated(0, 0, true); 3]]).await;
    let parallel = Some(1);
    let task = fixture
        .submit_limited(Goal::Stop, Of::Cluster, parallel)
        .await;
    fixture.until(task, is(STOPS, SubtaskStatus::Running)).await;

    fixture.command(task, Event::CancelTask).await;
    let snapshot = fixture.failed(task).await;

    let stops = snapshot
        .subtasks
        .iter()
        .filter(|subtask| subtask.kind == STOPS);
    for stop in stops {
        assert_eq!(
            (stop.state.status, stop.state.operation),
            (SubtaskStatus::Failed, Operation::Cancel)
        );
    }
    for server in cluster.servers() {
        assert!(fixture.acts(server.id).is_empty());
    }
    executor.stop().await;
}

#[tokio::test]
async fn what_needs_sql_is_tried_again_by_itself_and_fails_when_nobody_answers() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let account = SqlAccount {
        user: "root@sys".to_owned(),
        password: String::new(),
    };
    let servers = vec![fixture.down("ob1"), fixture.down("ob2")];
    fixture
        .register_as(vec![servers], Some(account), Selector::default())
        .await;

    let began = Instant::now();
    let task = fixture.submit(Goal::Stop, Of::FirstServer).await;
    let snapshot = fixture.failed(task).await;

    let isolate = of_kind(&snapshot, SubtaskKind::StopServer);
    assert_eq!(isolate.state.status, SubtaskStatus::Failed);
    assert_eq!((isolate.state.run_time, isolate.auto_retries), (3, 2));
    let error = isolate.state.error.as_deref().expect("a reason");
    assert!(error.contains("cannot be reached"), "{error}");
    // It waited 1 s, then 2 s, and was taken up again at once then.
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(3), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let runs = fixture.store.log(task, isolate.id).await.expect("a log");
    assert_eq!(runs.len(), 3);
    executor.stop().await;
}
