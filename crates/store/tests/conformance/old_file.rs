//! A database file of the first version, as a server of that time left it: one cluster stopped, one whose stop
//! failed because a server refused. It opens, and all in it is to be read and worked on.

use std::{fs, path::Path};

use slacktide_engine::{
    commit::Event,
    id::{ClusterId, SubtaskId, TaskId},
    kind::SubtaskKind,
    status::{Operation, ResourceStatus, SubtaskStatus, TaskStatus},
};
use slacktide_store::{LogRun, Store, backup};

use crate::{
    backend::{Backend, Sqlite},
    kit::{FIRST, drive, executor},
    watching::{assert_whole, history},
};

const STOPPED: TaskId = TaskId(1);
const FAILED: TaskId = TaskId(2);

/// The subtask that failed.
const REFUSED: SubtaskId = SubtaskId(24);

async fn old_file() -> Sqlite {
    let db = Sqlite::fresh("an old file").await.expect("a directory");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1.db");
    fs::copy(kept, db.file()).expect("the file is copied");
    db
}

async fn lines(store: &Store, task: TaskId, subtask: SubtaskId) -> Vec<LogRun> {
    store.log(task, subtask).await.expect("a log")
}

#[tokio::test]
async fn an_old_database_file_opens_and_migrates() {
    let db = old_file().await;
    let store = db.open().await;

    let clusters = store.clusters(&Default::default(), FIRST).await;
    let clusters = clusters.expect("clusters").items;
    let seen: Vec<_> = clusters
        .iter()
        .map(|cluster| (cluster.name.as_str(), cluster.status, cluster.active_task))
        .collect();
    assert_eq!(
        seen,
        [
            ("v1_stopped", ResourceStatus::Stopped, None),
            ("v1_failed", ResourceStatus::Stopping, Some(FAILED)),
        ]
    );
    for (task, status) in [
        (STOPPED, TaskStatus::Successful),
        (FAILED, TaskStatus::Failed),
    ] {
        let snapshot = store.task(task, true).await.expect("the task");
        assert_eq!(snapshot.task.state.status, status);
        assert_eq!(snapshot.subtasks.len(), 16);
        assert_whole(&snapshot);
        let numbers = history(&store, task, 0).await;
        let numbers: Vec<_> = numbers.iter().map(|revision| revision.number).collect();
        assert_eq!(numbers, (1..=snapshot.task.revision).collect::<Vec<_>>());
    }
    let log = lines(&store, FAILED, REFUSED).await;
    let text: Vec<_> = log.iter().flat_map(|run| &run.lines).collect();
    assert!(
        text.iter().any(|line| line.text.contains("refuses")),
        "{text:?}"
    );
    assert_eq!(store.users().await.expect("users").len(), 1);
}

#[tokio::test]
async fn a_migrated_file_has_the_schema_of_a_new_one() {
    let (old, new) = (old_file().await, Sqlite::fresh("a new file").await);
    let new = new.expect("a directory");
    old.open().await.close().await;
    new.open().await.close().await;
    assert_eq!(old.schema().await, new.schema().await);
}

#[tokio::test]
async fn a_task_that_failed_under_the_old_version_is_retried() {
    let db = old_file().await;
    let store = db.open().await;
    let before = store.task(FAILED, false).await.expect("the task").task;

    let retried = store.command(FAILED, Event::RetryTask, None).await;

    let retried = retried.expect("it is retried").task;
    assert_eq!(retried.state.status, TaskStatus::Running);
    let subtask = store.subtask(FAILED, REFUSED).await.expect("the subtask");
    assert_eq!(subtask.kind, SubtaskKind::StopObserverProcess);
    assert_eq!(subtask.state.status, SubtaskStatus::Ready);
    assert_eq!(subtask.state.operation, Operation::Retry);

    let e1 = executor("e1");
    let event = Event::Claim {
        subtasks: vec![REFUSED],
    };
    let begun = store.commit(FAILED, event, e1.clone(), None).await;
    let ended = drive(&store, begun.expect("it is claimed"), &e1).await;
    assert_eq!(ended.state.status, TaskStatus::Successful);
    assert!(ended.revision > before.revision);
    let cluster = store.cluster(ClusterId(2)).await.expect("the cluster");
    assert_eq!(
        (cluster.status, cluster.active_task),
        (ResourceStatus::Stopped, None)
    );
}

#[tokio::test]
async fn a_backup_leaves_an_old_file_and_its_copy_as_they_were() {
    let db = old_file().await;
    let (copies, before) = (tempfile::tempdir().expect("a directory"), db.schema().await);
    let copy = copies.path().join("copy.db");
    backup(&db.location(), &copy).await.expect("a backup");
    assert_eq!(db.schema().await, before);
    fs::copy(copy, db.file()).expect("the copy takes its place");
    assert_eq!(db.schema().await, before);
}
