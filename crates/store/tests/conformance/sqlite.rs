//! What only SQLite has: one write lock over processes, and a file that may be cut off.

use std::{fs, path::Path, time::Duration};

use slacktide_store::{Location, Store, StoreError};
use tokio::time::timeout;

use crate::{
    backend::{Backend, Sqlite},
    kit::{LIMIT, drive, executor, register, running, success},
    watching::{assert_whole, history},
};

/// Longer than a connection waits for the lock, so that the store's own patience is needed too.
const LOCKED: Duration = Duration::from_millis(5_300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_of_another_process_delays_a_write_and_no_read() {
    let db = sqlite().await;
    let store = db.open().await;
    let cluster = register(&store, 0, 1, 1).await;
    let other_process = db.connect().await;
    other_process.execute("BEGIN IMMEDIATE").await;

    let writing = register(&store, 1, 1, 1);
    tokio::pin!(writing);
    let early = timeout(LOCKED, &mut writing).await;
    assert!(early.is_err(), "nobody writes while another process does");
    let read = timeout(LIMIT, store.cluster(cluster.id)).await;
    read.expect("a reader waits for nobody")
        .expect("the cluster");

    other_process.execute("COMMIT").await;
    timeout(LIMIT, writing).await.expect("it is written now");
    assert_eq!(db.dump().await.rows_of("cluster"), 2);
}

#[tokio::test]
async fn commits_reach_the_file_while_the_store_is_open() {
    let db = sqlite().await;
    let store = db.open().await;
    let size = || fs::metadata(db.file()).expect("the database").len();
    let before = size();
    register(&store, 1, 1, 200).await;
    let moved = async {
        while size() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, moved).await.expect("the log is moved");
}

#[tokio::test]
async fn processes_may_create_the_database_at_once() {
    let db = sqlite().await;
    let (first, second, third) = tokio::join!(db.open(), db.open(), db.open());
    for (number, store) in (0..).zip([first, second, third]) {
        register(&store, number, 1, 1).await;
    }
}

#[tokio::test]
async fn a_file_name_means_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in [
        "a b.db",
        "100%25.db",
        "what?mode=memory",
        "#1.db",
        "数据.db",
    ] {
        let file = directory.path().join(name);
        let location = Location::sqlite(&file);
        let store = Store::open(&location).await.expect("it opens");
        register(&store, 1, 1, 1).await;
        assert!(file.is_file(), "{name}");
        store.close().await;
        let again = Store::open(&location).await.expect("it opens again");
        let found = again.cluster_by_name("ob_1").await.expect("an answer");
        assert!(found.is_some(), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = directory.path().join("notes.txt");
    fs::write(&text, "not a database, ".repeat(500)).expect("a file");

    for file in [text, directory.path().join("missing/slacktide.db")] {
        let opened = Store::open(&Location::sqlite(&file)).await;
        match opened {
            Err(StoreError::Database { operation, .. }) => {
                assert_eq!(operation, "opening the database");
            }
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("{file:?} opens"),
        }
    }
}

/// Copies a database as a crash leaves it: the file, and the first `length` bytes of its log.
fn copy(from: &Path, to: &Path, length: usize) -> Location {
    let log = |file: &Path| file.with_extension("db-wal");
    let target = to.join("slacktide.db");
    fs::copy(from, &target).expect("the file is copied");
    let bytes = fs::read(log(from)).expect("the log is read");
    fs::write(log(&target), &bytes[..length.min(bytes.len())]).expect("the log is copied");
    Location::sqlite(target)
}

#[tokio::test]
async fn a_crash_between_commits_loses_none() {
    let db = sqlite().await;
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, mut committed) = running(&store, 1, 1, &e1).await;
    let task = accepted.task.id;
    loop {
        let now = store.task(task, true).await.expect("the task");
        let directory = tempfile::tempdir().expect("a directory");
        let location = copy(&db.file(), directory.path(), usize::MAX);
        let recovered = Store::open(&location).await.expect("the copy opens");
        let found = recovered.task(task, true).await.expect("the task");
        assert_eq!(found, now);
        let Some(run) = committed.claimed.pop() else {
            break;
        };
        let end = store.commit(task, success(&run), e1.clone(), None).await;
        committed = end.expect("a commit");
    }
}

#[tokio::test]
async fn a_log_that_is_cut_off_anywhere_leaves_whole_commits() {
    let db = sqlite().await;
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 3, &e1).await;
    let task = accepted.task.id;
    let first_half = fs::metadata(db.file().with_extension("db-wal"));
    let first_half = first_half.expect("a log").len();
    drive(&store, begun, &e1).await;
    let whole = fs::metadata(db.file().with_extension("db-wal"));
    let whole = whole.expect("a log").len();

    const CUTS: u64 = 24;
    for cut in 0..=CUTS {
        let length = first_half + (whole - first_half) * cut / CUTS;
        let directory = tempfile::tempdir().expect("a directory");
        let length = usize::try_from(length).expect("a small number");
        let location = copy(&db.file(), directory.path(), length);

        let recovered = Store::open(&location).await.expect("the copy opens");
        let found = recovered.task(task, true).await.expect("the task");
        assert_whole(&found);
        let numbers = history(&recovered, task, 0).await;
        let numbers: Vec<_> = numbers.iter().map(|revision| revision.number).collect();
        assert_eq!(numbers, (1..=found.task.revision).collect::<Vec<_>>());
    }
}

async fn sqlite() -> Sqlite {
    Sqlite::fresh("sqlite").await.expect("a directory")
}
