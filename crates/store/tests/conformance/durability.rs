//! What was answered, or only handed over, is there afterwards.

use futures::{FutureExt, future::join_all};
use slacktide_engine::status::SubtaskStatus;
use tokio::time::timeout;

use crate::{
    backend::Backend,
    kit::{LIMIT, executor, key, new_executor, register, running, stop, stop_of, submit, success},
    watching::{assert_whole, history},
};

pub(crate) async fn keeps_everything_over_a_restart(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    store.add_user("admin", "hash", &[]).await.expect("a user");
    let stopped = register(&store, 1, 2, 2).await;
    let ended = stop(&store, &stopped).await;
    let (_, begun) = running(&store, 2, 2, &e1).await;
    let lease = store.begin_lease(new_executor("e1"), false).await;
    lease.expect("a lease");
    let snapshot = store.task(begun.task.id, true).await.expect("the task");
    let histories = [
        history(&store, ended.id, 0).await,
        history(&store, begun.task.id, 0).await,
    ];
    let cluster = store.cluster(stopped.id).await.expect("the cluster");
    let before = db.dump().await;

    // Not even closed: as a process ends that is killed.
    drop(store);

    let store = db.open().await;
    db.dump().await.assert_same(&before, "opening again");
    let again = store.task(begun.task.id, true).await.expect("the task");
    assert_eq!(again, snapshot);
    assert_eq!(history(&store, ended.id, 0).await, histories[0]);
    assert_eq!(history(&store, begun.task.id, 0).await, histories[1]);
    let read = store.cluster(stopped.id).await.expect("the cluster");
    assert_eq!(read, cluster);

    // And it goes on where it was.
    let task = crate::kit::drive(&store, begun, &e1).await;
    let after = store.task(task.id, true).await.expect("the task");
    assert_whole(&after);
    assert_eq!(after.task, task);
    let later = register(&store, 3, 1, 1).await;
    let accepted = submit(&store, &later).await;
    assert!(accepted.task.id > task.id, "no id is used again");
    assert!(accepted.subtasks[0].id > after.subtasks[after.subtasks.len() - 1].id);
}

pub(crate) async fn finishes_what_was_handed_over_before_it_closes(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (_, begun) = running(&store, 1, 120, &e1).await;
    let witness = db.connect().await;
    let ends = begun
        .claimed
        .iter()
        .map(|run| store.commit(run.task, success(run), e1.clone(), None));

    // One poll hands each over; nobody waits for the answers.
    let _ = join_all(ends).now_or_never();
    timeout(LIMIT, store.close()).await.expect("it closes");

    let select = "SELECT status AS line FROM subtask WHERE kind = 'Prepare stop observer'";
    assert_eq!(witness.lines(select).await, ["SUCCESSFUL"; 120]);
}

pub(crate) async fn carries_out_what_a_vanished_caller_asked(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (_, begun) = running(&store, 1, 1, &e1).await;
    let mut watcher = store.signals().task(begun.task.id);
    let run = &begun.claimed[0];

    let event = success(run);
    let _ = store
        .commit(run.task, event, e1.clone(), None)
        .now_or_never();

    let woken = timeout(LIMIT, watcher.changed()).await;
    woken.expect("its signal comes").expect("the store lives");
    let stored = store.subtask(run.task, run.id).await.expect("the subtask");
    assert_eq!(stored.state.status, SubtaskStatus::Successful);

    // A caller that went away finds under its key what it made.
    let cluster = register(&store, 2, 1, 1).await;
    let submission = stop_of(&cluster, Some(key("a")));
    let _ = store.submit(submission).now_or_never();
    // The writer works in order: once a later job is answered, that one is done.
    register(&store, 3, 1, 1).await;
    let found = store.remembered(&key("a")).await.expect("an answer");
    let held = store.cluster(cluster.id).await.expect("the cluster");
    assert!(found.is_some());
    assert_eq!(found.map(|r| r.resource), held.active_task.map(|id| id.0));
}
