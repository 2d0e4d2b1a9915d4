//! What is forgotten, and what never is.

use std::time::Duration;

use slacktide_engine::{id::TaskId, status::TaskStatus, time::Micros};
use slacktide_store::{Pruned, Store, StoreError, clock};

use crate::{
    backend::{Backend, Dump},
    kit::{commit, executor, failure, key, register, running, stop, stop_of, success},
    watching::{assert_whole, history},
};

/// Small enough that a task takes several transactions.
const BATCH: usize = 3;

const TWO_DAYS: Duration = Duration::from_hours(48);

const OF_TASKS: [&str; 4] = ["task", "subtask", "task_revision", "subtask_log"];

fn rows_of_tasks(dump: &Dump) -> [usize; 4] {
    OF_TASKS.map(|table| dump.rows_of(table))
}

async fn prune(store: &Store) -> Pruned {
    prune_before(store, clock::now()).await
}

async fn prune_before(store: &Store, before: Micros) -> Pruned {
    let pruned = store.prune(before, BATCH).await;
    pruned.expect("old tasks are deleted")
}

/// Lets a task have ended two days before its time.
async fn age(db: &impl Backend, task: TaskId) {
    let days = TWO_DAYS.as_micros();
    let update = format!(
        "UPDATE task SET finish_time = finish_time - {days} WHERE id = {}",
        task.0
    );
    db.execute(&update).await;
}

pub(crate) async fn forgets_what_ended_long_ago(db: impl Backend) {
    let store = db.open().await;
    let kept = register(&store, 1, 1, 2).await;
    let kept = stop(&store, &kept).await;
    let left = rows_of_tasks(&db.dump().await);
    let mut old = Vec::new();
    for number in 2..=5 {
        let cluster = register(&store, number, 2, 2).await;
        old.push(stop(&store, &cluster).await.id);
        age(&db, old[old.len() - 1]).await;
    }

    let pruned = prune(&store).await;
    assert_eq!(pruned, Pruned { tasks: 4, keys: 0 });

    assert_eq!(rows_of_tasks(&db.dump().await), left);
    for id in old {
        let forgotten = store.task(id, true).await;
        assert!(
            matches!(forgotten, Err(StoreError::NotFound { .. })),
            "{forgotten:?}"
        );
        assert_eq!(history(&store, id, 0).await, []);
    }
    let snapshot = store.task(kept.id, true).await.expect("the young task");
    assert_whole(&snapshot);
    assert_eq!(
        history(&store, kept.id, 0).await.len() as i64,
        kept.revision
    );
    assert_eq!(prune(&store).await, Pruned::default());
}

pub(crate) async fn keeps_what_holds_its_cluster(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 1, &e1).await;
    let id = accepted.task.id;
    let failed = failure(&begun.claimed[0], "no way to stop it");
    let failed = commit(&store, id, failed, &e1).await.expect("a commit");
    assert_eq!(failed.task.state.status, TaskStatus::Failed);
    age(&db, id).await;
    let before = db.dump().await;

    assert_eq!(prune(&store).await, Pruned::default());
    db.dump()
        .await
        .assert_same(&before, "a task that can be retried");

    db.execute("UPDATE cluster SET active_task_id = NULL").await;
    assert_eq!(prune(&store).await.tasks, 1);
    assert_eq!(rows_of_tasks(&db.dump().await), [0; 4]);
}

pub(crate) async fn keeps_what_is_not_over(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (_, begun) = running(&store, 1, 2, &e1).await;
    let young = register(&store, 2, 1, 1).await;
    stop(&store, &young).await;
    let before = db.dump().await;

    // However soon one wants to forget: what an idempotency key may name is kept for as long as the key.
    assert_eq!(
        prune_before(&store, Micros(i64::MAX)).await,
        Pruned::default()
    );
    db.dump().await.assert_same(&before, "pruning");
    let ended = success(&begun.claimed[0]);
    let goes_on = commit(&store, begun.task.id, ended, &e1).await;
    goes_on.expect("the running task goes on");
}

pub(crate) async fn forgets_old_keys(db: impl Backend) {
    let store = db.open().await;
    for (number, name) in (1..).zip(["a", "b", "c", "d", "e"]) {
        let cluster = register(&store, number, 1, 1).await;
        let submitted = store.submit(stop_of(&cluster, Some(key(name)))).await;
        submitted.expect("it is accepted");
    }
    let days = TWO_DAYS.as_micros();
    let old = format!(
        "UPDATE idempotency_key SET create_time = create_time - {days} WHERE request_id <> 'e'"
    );
    db.execute(&old).await;

    assert_eq!(prune(&store).await, Pruned { tasks: 0, keys: 4 });
    assert_eq!(db.dump().await.rows_of("idempotency_key"), 1);
    let kept = store.remembered(&key("e")).await.expect("an answer");
    assert!(kept.is_some());
}
