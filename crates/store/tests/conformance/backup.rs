//! Backups of a SQLite store that is in use, and the way back.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use slacktide_engine::{commit::Event, status::ResourceStatus};
use slacktide_store::{BackupError, ClusterFilter, Location, Store, backup, restore};
use tempfile::TempDir;

use crate::{
    backend::{Backend, Sqlite},
    kit::{FIRST, drive, executor, new_executor, register, running, stop, submit},
};

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("the directory is read");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

async fn sqlite() -> Sqlite {
    let db = Sqlite::fresh("backup").await;
    db.expect("SQLite is everywhere")
}

async fn open(file: &Path) -> Store {
    let store = Store::open(&Location::sqlite(file)).await;
    store.expect("the store opens")
}

async fn clusters(store: &Store) -> u64 {
    let listed = store.clusters(&ClusterFilter::default(), FIRST).await;
    listed.expect("a list").total
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_while_others_write_is_whole() {
    let (db, place) = (sqlite().await, Place::new());
    let store = db.open().await;
    for number in 1..=20 {
        register(&store, number, 1, 3).await;
    }
    let over = AtomicBool::new(false);
    let writing = async {
        let mut number = 20;
        while !over.load(Ordering::Relaxed) && number < 250 {
            number += 1;
            register(&store, number, 1, 3).await;
        }
        u64::from(number)
    };
    let copy = place.file("copy.db");
    let backing_up = async {
        let done = backup(&db.location(), &copy).await;
        over.store(true, Ordering::Relaxed);
        done
    };
    let (written, done) = tokio::join!(writing, backing_up);
    done.expect("a backup");

    assert_eq!(place.entries(), ["copy.db"]);
    let mode = fs::metadata(&copy).expect("the copy").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let copied = clusters(&open(&copy).await).await;
    assert!((20..=written).contains(&copied), "{copied} of {written}");
    assert_eq!(clusters(&store).await, written);
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let (db, place) = (sqlite().await, Place::new());
    db.open().await.close().await;
    let taken = place.file("taken");
    fs::write(&taken, "of value").expect("a file");

    let refused = backup(&db.location(), &taken).await;
    assert!(
        matches!(refused, Err(BackupError::Exists(_))),
        "{refused:?}"
    );
    let copy = place.file("copy.db");
    backup(&db.location(), &copy).await.expect("a backup");
    let refused = restore(&copy, &taken).await;
    assert!(
        matches!(refused, Err(BackupError::Exists(_))),
        "{refused:?}"
    );
    assert_eq!(fs::read(&taken).expect("the file"), b"of value");

    // The log of a store that was there: SQLite would take it for the restored one's.
    let to = place.file("restored.db");
    fs::write(place.file("restored.db-wal"), "").expect("a file");
    let refused = restore(&copy, &to).await;
    assert!(
        matches!(refused, Err(BackupError::Exists(_))),
        "{refused:?}"
    );
    assert!(!to.exists());
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing() {
    let (db, place) = (sqlite().await, Place::new());
    db.open().await.close().await;
    let failed = backup(&db.location(), &place.file("nowhere/copy.db")).await;
    assert!(
        matches!(failed, Err(BackupError::File { .. })),
        "{failed:?}"
    );
    // What an attempt that was killed has left is in nobody's way.
    fs::write(place.file("copy.db.partial"), "half").expect("a file");
    backup(&db.location(), &place.file("copy.db"))
        .await
        .expect("a backup");
    assert_eq!(place.entries(), ["copy.db"]);
}

#[tokio::test]
async fn what_is_no_whole_backup_is_not_restored() {
    let (db, place) = (sqlite().await, Place::new());
    let store = db.open().await;
    register(&store, 1, 3, 20).await;
    let copy = place.file("copy.db");
    backup(&db.location(), &copy).await.expect("a backup");
    let whole = fs::read(&copy).expect("the copy");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 4096].fill(0xa5);
    let cases: [(&str, &[u8]); 4] = [
        ("damaged", &damaged),
        ("cut", &whole[..whole.len() / 2]),
        ("text", b"this is not a database, whatever its name says"),
        ("empty", b""),
    ];
    for (name, content) in cases {
        let file = place.file(name);
        fs::write(&file, content).expect("a file");
        let refused = restore(&file, &place.file("restored.db")).await;
        assert!(
            matches!(refused, Err(BackupError::Unusable { .. })),
            "{name}: {refused:?}"
        );
    }
    // Of a store in use, the newest part is in another file.
    fs::write(place.file("copy.db-wal"), "").expect("a file");
    let refused = restore(&copy, &place.file("restored.db")).await;
    assert!(
        matches!(refused, Err(BackupError::Unusable { .. })),
        "{refused:?}"
    );
    let missing = restore(&place.file("none"), &place.file("restored.db")).await;
    assert!(
        matches!(missing, Err(BackupError::File { .. })),
        "{missing:?}"
    );
    assert!(
        !place
            .entries()
            .iter()
            .any(|name| name.starts_with("restored"))
    );
}

#[tokio::test]
async fn a_restored_store_goes_on_ahead_of_the_lost_one() {
    let (db, place) = (sqlite().await, Place::new());
    let store = db.open().await;
    let lease = store.begin_lease(new_executor("e1"), false).await;
    lease.expect("a lease");
    let (accepted, begun) = running(&store, 1, 2, &executor("e1")).await;
    let idle = register(&store, 2, 1, 1).await;
    let copy = place.file("copy.db");
    backup(&db.location(), &copy).await.expect("a backup");
    // What happens after it is lost, but hosts and callers remember.
    let lost = stop(&store, &idle).await;

    let restored = place.file("restored.db");
    restore(&copy, &restored).await.expect("it is restored");
    let store = open(&restored).await;

    // The executor of the backup is gone; another one takes over what it ran, above every fence.
    assert_eq!(store.leases().await.expect("leases"), []);
    let found = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(found.lost.len(), begun.claimed.len());
    let runs = found
        .lost
        .iter()
        .map(|(_, id, epoch)| (*id, *epoch))
        .collect();
    let e2 = executor("e2");
    let taken = store.commit(accepted.task.id, Event::TakeOver { runs }, e2.clone(), None);
    let taken = taken.await.expect("they are taken over");
    assert!(taken.task.generation > lost.generation);
    let ended = drive(&store, taken, &e2).await;
    let cluster = store.cluster(ended.cluster.id).await.expect("its cluster");
    assert_eq!(cluster.status, ResourceStatus::Stopped);

    let idle = store.cluster(idle.id).await.expect("the other cluster");
    assert_eq!(idle.status, ResourceStatus::Running);
    let next = submit(&store, &idle).await;
    assert!(next.task.id > lost.id, "{} after {}", next.task.id, lost.id);
    assert!(next.task.generation > lost.generation);
}

#[tokio::test]
async fn a_shared_database_names_its_own_tool() {
    let location = Location::parse("postgres://u@h/d").expect("a location");
    let place = Place::new();
    let refused = backup(&location, &place.file("copy.db")).await;
    let text = refused.expect_err("no backup").to_string();
    assert!(text.contains("pg_dump"), "{text}");
    assert_eq!(place.entries(), [""; 0]);
}
