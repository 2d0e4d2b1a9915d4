//! Rows that this version cannot read are named, and harm nothing else.

use slacktide_engine::commit::Event;
use slacktide_store::{ClusterFilter, Store, StoreError, TaskFilter};

use crate::{
    backend::Backend,
    kit::{FIRST, commit, drive, executor, running, success},
};

/// The kind and key of the row that a reader could not read.
#[track_caller]
fn corrupt<T: std::fmt::Debug>(
    what: &str,
    result: Result<T, StoreError>,
) -> (&'static str, String) {
    match result {
        Err(StoreError::Corrupt { kind, key, reason }) => {
            assert!(!reason.is_empty());
            (kind, key)
        }
        other => panic!("{what}: {other:?}"),
    }
}

pub(crate) async fn names_the_row_that_it_cannot_read(db: impl Backend) {
    let store = db.open().await;
    let (accepted, begun) = running(&store, 1, 1, &executor("e1")).await;
    let (task, cluster) = (accepted.task.id, accepted.task.cluster.id);
    let run = &begun.claimed[0];
    let server = run.server.expect("a server");
    let zone = run.zone.expect("a zone");

    let cases = [
        ("cluster", "status = 'PAUSED'", "cluster", cluster.0),
        ("zone", "status = ''", "zone", zone.0),
        ("server", "status = 'running'", "server", server.0),
        (
            "server",
            "driver = '{\"kind\":\"telepathy\"}'",
            "server",
            server.0,
        ),
        ("server", "driver = 'not json'", "server", server.0),
        ("task", "status = 'LOST'", "task", task.0),
        ("task", "operation = 'PRAY'", "task", task.0),
        ("task", "kind = 'SELL_CLUSTER'", "task", task.0),
        ("task", "context = '[]'", "task", task.0),
        ("task", "options = '{}'", "task", task.0),
        ("subtask", "status = 'ASLEEP'", "subtask", run.id.0),
        ("subtask", "kind = 'Wait note'", "subtask", run.id.0),
        ("subtask", "upstreams = '[1,'", "subtask", run.id.0),
        ("task_revision", "changes = '[{}]'", "task_revision", task.0),
        (
            "subtask_log",
            "line = 'DANCE'",
            "subtask_log",
            accepted.subtasks[0].id.0,
        ),
    ];
    for (table, damage, kind, key) in cases {
        let before = db.connect().await;
        let condition = match table {
            "subtask" => format!("WHERE id = {}", run.id),
            "subtask_log" => "WHERE seq = 0".to_owned(),
            _ => String::new(),
        };
        before
            .execute(&format!("CREATE TABLE spare AS SELECT * FROM {table}"))
            .await;
        before
            .execute(&format!("UPDATE {table} SET {damage} {condition}"))
            .await;

        let read = match table {
            "cluster" | "zone" | "server" => {
                let listed = store.clusters(&ClusterFilter::default(), FIRST).await;
                corrupt(damage, listed);
                corrupt(damage, store.cluster(cluster).await)
            }
            "task" | "subtask" => {
                let listed = store.tasks(&TaskFilter::default(), FIRST, true).await;
                corrupt(damage, listed);
                corrupt(damage, store.task(task, true).await)
            }
            "task_revision" => corrupt(damage, store.revisions(task, 0).await),
            _ => corrupt(damage, store.log(task, accepted.subtasks[0].id).await),
        };
        assert_eq!(read, (kind, key.to_string()), "{table}: {damage}");

        before
            .execute(&format!(
                "DELETE FROM {table}; INSERT INTO {table} SELECT * FROM spare; DROP TABLE spare"
            ))
            .await;
    }
    assert_readable(&store, task).await;
}

async fn assert_readable(store: &Store, task: slacktide_engine::id::TaskId) {
    store.task(task, true).await.expect("all is well again");
}

pub(crate) async fn refuses_to_commit_on_a_corrupt_row(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (_, damaged) = running(&store, 1, 1, &e1).await;
    let (_, sound) = running(&store, 2, 1, &e1).await;
    let run = &damaged.claimed[0];
    let damage = format!(
        "UPDATE subtask SET operation = 'PRAY' WHERE id = {}",
        run.id
    );
    db.execute(&damage).await;
    let before = db.dump().await;
    // One that has not read the task yet.
    let store = db.open().await;

    let runs = vec![(run.id, run.epoch)];
    for event in [success(run), Event::TakeOver { runs }] {
        let what = format!("{event:?}");
        let committed = commit(&store, damaged.task.id, event, &e1).await;
        corrupt(&what, committed);
        db.dump().await.assert_same(&before, &what);
    }

    drive(&store, sound, &e1).await;
}
