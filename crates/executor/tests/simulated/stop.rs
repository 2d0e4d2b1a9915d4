//! Stops of clusters.

use slacktide_engine::{
    kind::SubtaskKind,
    status::{Goal, ResourceStatus, SubtaskStatus, TaskStatus},
};
use slacktide_store::ServerSettings;

use crate::kit::{Fixture, HERE, Of, is, of_kind, on, server, simulated, statuses};

#[tokio::test]
async fn a_stop_ends_successful_and_leaves_the_cluster_stopped() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    fixture.register_simulated(3, 4).await;

    let snapshot = fixture.reach(Goal::Stop, Of::Cluster).await;

    assert_eq!(snapshot.subtasks.len(), 2 * 3 + 3 * 12 + 6);
    let cluster = fixture.cluster().await;
    assert_eq!(
        (cluster.status, cluster.active_task),
        (ResourceStatus::Stopped, None)
    );
    assert!(
        cluster
            .zones
            .iter()
            .all(|zone| zone.status == ResourceStatus::Stopped)
    );
    assert!(
        cluster
            .servers()
            .all(|s| s.status == ResourceStatus::Stopped && s.stop_time.is_some())
    );

    let (store, task) = (&fixture.store, snapshot.task.id);
    let history = store.revisions(task, 0).await.expect("the history");
    let numbers: Vec<_> = history.iter().map(|revision| revision.number).collect();
    assert_eq!(numbers, (1..=snapshot.task.revision).collect::<Vec<_>>());
    for subtask in &snapshot.subtasks {
        let runs = store.log(task, subtask.id).await.expect("a log");
        assert_eq!(runs.len(), 1, "{}", subtask.kind.name());
        assert!(!runs[0].lines.is_empty(), "{}", subtask.kind.name());
    }
    executor.stop().await;
    assert_eq!(store.leases().await.expect("leases"), []);
}

#[tokio::test]
async fn a_stop_that_fails_keeps_the_cluster_and_says_why() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    fixture
        .register(vec![vec![simulated(0, 1, false); 2]])
        .await;

    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    let snapshot = fixture.failed(task).await;

    let error = snapshot.task.state.error.expect("a reason");
    assert!(error.contains("refuses to stop"), "{error}");
    assert!(
        snapshot
            .subtasks
            .iter()
            .all(|s| !s.state.status.is_active())
    );
    let cluster = fixture.cluster().await;
    assert_eq!(
        (cluster.status, cluster.active_task),
        (ResourceStatus::Stopping, Some(task))
    );
    assert_eq!(statuses(&cluster), [ResourceStatus::Running; 2]);
    executor.stop().await;
}

#[tokio::test]
async fn a_drain_hands_back_what_does_not_end_and_the_next_executor_goes_on() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    fixture.register(vec![vec![simulated(600, 0, false)]]).await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    let stops = SubtaskKind::StopObserverProcess;
    fixture.until(task, is(stops, SubtaskStatus::Running)).await;

    executor.stop().await;
    let handed_back = fixture.snapshot(task).await;
    let stop = of_kind(&handed_back, stops);
    assert_eq!(stop.state.status, SubtaskStatus::Ready);
    assert_eq!(handed_back.task.state.status, TaskStatus::Running);

    let next = fixture.start("e2", fixture.options()).await;
    fixture.ended_well(task).await;
    let runs = fixture.store.log(task, stop.id).await.expect("a log");
    assert_eq!(runs.len(), 2);
    next.stop().await;
}

#[tokio::test]
async fn a_mistyped_directory_or_an_unmounted_disk_stops_nothing() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let mistyped = fixture.path().join("obl");
    let unmounted = fixture.path().join("disk");
    std::fs::create_dir(&unmounted).expect("a mount point");
    let servers = vec![on(HERE, &mistyped), on(HERE, &unmounted)];
    fixture.register(vec![servers]).await;

    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    let snapshot = fixture.failed(task).await;

    let looks = SubtaskKind::PrepareStopObserver;
    let looked: Vec<_> = (snapshot.subtasks.iter())
        .filter(|s| s.kind == looks)
        .collect();
    let reasons = ["cannot be used", "neither etc/ nor store/"];
    assert_eq!(looked.len(), reasons.len());
    for (look, reason) in looked.into_iter().zip(reasons) {
        assert_eq!(look.state.status, SubtaskStatus::Failed);
        let error = look.state.error.as_deref().expect("a reason");
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(
        statuses(&fixture.cluster().await),
        [ResourceStatus::Unavailable; 2]
    );
    executor.stop().await;
}

#[tokio::test]
async fn a_subtask_that_waits_for_a_host_follows_its_server_to_another() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let missing = fixture.path().join("missing");
    let cluster = fixture
        .register(vec![vec![on("elsewhere", &missing)]])
        .await;
    let task = fixture.submit(Goal::Stop, Of::Cluster).await;
    let prepares = SubtaskKind::PrepareStopObserver;
    fixture
        .until(task, is(prepares, SubtaskStatus::Ready))
        .await;

    let settings = vec![ServerSettings {
        id: server(&cluster, 0).id,
        driver: on(HERE, &missing),
    }];
    fixture
        .store
        .mend(cluster.id, None, Default::default(), settings, None)
        .await
        .expect("the cluster is mended");

    // Now it is taken up, and fails for what it finds here.
    let snapshot = fixture.failed(task).await;
    let prepare = of_kind(&snapshot, prepares);
    assert_eq!(prepare.state.status, SubtaskStatus::Failed);
    assert_eq!(prepare.state.executor.as_deref(), Some(HERE));
    executor.stop().await;
}

#[tokio::test]
async fn generations_go_on_from_those_of_a_cluster_that_was_forgotten() {
    let fixture = Fixture::new().await;
    let executor = fixture.start("e1", fixture.options()).await;
    let mut last = 0;
    for _ in 0..3 {
        let cluster = fixture.register_simulated(1, 1).await;
        let submitted = fixture.submit_to(&cluster, Goal::Stop, Of::Cluster, None);
        let generation = fixture.ended_well(submitted.await).await.task.generation;
        assert!(
            generation > last,
            "a host refuses {generation} after {last}"
        );
        last = generation;
        fixture
            .store
            .unregister(cluster.id, None)
            .await
            .expect("the cluster is forgotten");
    }
    executor.stop().await;
}
