//! Accepting an operation.

use std::collections::BTreeMap;

use slacktide_engine::{
    cluster::Cluster,
    id::{SubtaskId, TaskId},
    status::{Operation, ResourceStatus, SubtaskStatus, TaskStatus},
};
use slacktide_store::StoreError;

use crate::{
    backend::Backend,
    kit::{key, register, stop, stop_of, submit},
};

pub(crate) async fn holds_the_cluster(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 2, 2).await;

    let accepted = submit(&store, &cluster).await;

    let held = store.cluster(cluster.id).await.expect("the cluster");
    assert_eq!(held.status, ResourceStatus::Stopping);
    assert_eq!(held.active_task, Some(accepted.task.id));
    assert_eq!(held.generation, cluster.generation + 1);
    assert_eq!(held.generation, accepted.task.generation);
    assert!(held.update_time > cluster.update_time);
    // Nothing has touched a server yet.
    assert_eq!(held.zones, cluster.zones);

    let snapshot = store.task(accepted.task.id, true).await.expect("the task");
    assert_eq!(snapshot.task, accepted.task);
    assert_eq!(snapshot.subtasks, accepted.subtasks);
    let named: BTreeMap<_, _> = cluster
        .zones
        .iter()
        .map(|zone| (zone.id, zone.name.clone()))
        .collect();
    assert_eq!(snapshot.zones, named);
    assert_eq!(
        (snapshot.task.state.status, snapshot.task.state.operation),
        (TaskStatus::Running, Operation::Execute)
    );
    let (root, rest) = snapshot.subtasks.split_first().expect("subtasks");
    assert_eq!(root.state.status, SubtaskStatus::Ready);
    assert!(
        rest.iter()
            .all(|subtask| subtask.state.status == SubtaskStatus::Pending)
    );

    let without = store.task(accepted.task.id, false).await.expect("the task");
    assert_eq!((without.task, without.subtasks.len()), (accepted.task, 0));
    let history = store.revisions(snapshot.task.id, 0).await;
    assert_eq!(history.expect("the history"), accepted.revisions);
    let numbers: Vec<_> = accepted.revisions.iter().map(|r| r.number).collect();
    assert_eq!(numbers, [1, 2]);

    let unknown = store.task(TaskId(404), true).await;
    assert!(
        matches!(unknown, Err(StoreError::NotFound { kind: "task", .. })),
        "{unknown:?}"
    );
    let unknown = store.subtask(snapshot.task.id, SubtaskId(404_404)).await;
    assert!(
        matches!(unknown, Err(StoreError::NotFound { .. })),
        "{unknown:?}"
    );
}

pub(crate) async fn refuses_a_plan_that_is_no_longer_true(db: impl Backend) {
    let store = db.open().await;
    let seen = register(&store, 1, 1, 1).await;
    stop(&store, &seen).await;
    let refuse = async |what: &str, submission| {
        let before = db.dump().await;
        let refused = store.submit(submission).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{what}: {refused:?}"
        );
        db.dump().await.assert_same(&before, what);
    };

    refuse("a plan of an old status", {
        let stopped = store.cluster(seen.id).await.expect("the cluster");
        let status = ResourceStatus::Running;
        stop_of(&Cluster { status, ..stopped }, Some(key("a")))
    })
    .await;
    // Somebody has started it meanwhile, so only the generation tells that the plan is old.
    db.execute("UPDATE cluster SET status = 'RUNNING'").await;
    refuse(
        "a plan of an old generation",
        stop_of(&seen, Some(key("b"))),
    )
    .await;

    let running = store.cluster(seen.id).await.expect("the cluster");
    let accepted = submit(&store, &running).await;
    assert_eq!(accepted.task.generation, 2);
    let held = store.cluster(seen.id).await.expect("the cluster");
    refuse("a second task", stop_of(&held, Some(key("c")))).await;
    // Whatever its status says: what a task holds is held.
    db.execute("UPDATE cluster SET status = 'UNAVAILABLE'")
        .await;
    refuse("a second task again", stop_of(&held, Some(key("c")))).await;

    let forgotten = register(&store, 2, 1, 1).await;
    let gone = store.unregister(forgotten.id, None).await;
    gone.expect("it is forgotten");
    refuse("a forgotten cluster", stop_of(&forgotten, Some(key("d")))).await;
}

pub(crate) async fn outlives_its_cluster(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 1).await;
    let task = stop(&store, &cluster).await;
    let before = store.task(task.id, true).await.expect("the task");
    let forgotten = store.unregister(cluster.id, None).await;
    forgotten.expect("it is forgotten");

    let after = store.task(task.id, true).await.expect("the task");

    assert_eq!(
        (after.task, after.subtasks),
        (before.task, before.subtasks),
        "what a task was stays to be read"
    );
    assert_eq!(after.zones, BTreeMap::new());
}
