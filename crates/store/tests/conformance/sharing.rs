//! Wake-ups between stores of one database, as two processes have them.

use std::time::Duration;

use slacktide_engine::{commit::Event, id::TaskId};
use slacktide_store::{LinkError, Location, Store, TaskNews};
use slacktide_test_databases::{MariaDb, Nats, Postgres, Proxy, runs};
use tokio::{sync::broadcast, time::timeout};

use crate::{
    backend::{Backend, Sqlite},
    kit::{LIMIT, executor, register, submit},
};

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = timeout(LIMIT, future).await;
    done.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

async fn sqlite() -> Sqlite {
    let db = Sqlite::fresh("sharing").await;
    db.expect("SQLite is everywhere")
}

async fn open(url: &str) -> Store {
    let location = Location::parse(url).expect("a location");
    Store::migrate(&location).await.expect("it is migrated");
    Store::open(&location).await.expect("the store opens")
}

async fn share(store: &Store, nats: Option<&str>) {
    let shared = store.share_signals(nats).await;
    shared.expect("signals are shared");
    // What the new link has woken.
    let _ = timeout(Duration::ZERO, store.signals().work()).await;
    let _ = timeout(Duration::ZERO, store.signals().canceling()).await;
}

async fn hear_of(follower: &mut broadcast::Receiver<TaskNews>, task: TaskId, revision: i64) {
    while follower.recv().await != Ok(TaskNews::Changed(task, revision)) {}
}

/// What one store commits wakes whoever waits at the other.
async fn wakes_the_other(near: &Store, far: &Store, number: u8) {
    let cluster = register(near, number, 1, 1).await;
    let mut follower = far.signals().tasks();
    let accepted = submit(near, &cluster).await;
    let (id, revision) = (accepted.task.id, accepted.task.revision);
    within("a new task", hear_of(&mut follower, id, revision)).await;
    within("work", far.signals().work()).await;

    let mut watcher = far.signals().task(id);
    let event = Event::Claim {
        subtasks: vec![accepted.subtasks[0].id],
    };
    let claimed = near.commit(id, event, executor("e1"), None).await;
    let revision = claimed.expect("a commit").task.revision;
    let seen = within("its revision", watcher.wait_for(|last| *last == revision));
    seen.await.expect("the watcher's other end");

    let canceled = near.command(id, Event::CancelTask, None).await;
    canceled.expect("it is canceled");
    within("runs to cancel", far.signals().canceling()).await;
}

async fn shares(near: Store, far: Store) {
    wakes_the_other(&near, &far, 1).await;
    wakes_the_other(&far, &near, 2).await;
    within("the stores close", async {
        near.close().await;
        far.close().await;
    })
    .await;
}

#[tokio::test]
async fn two_stores_share_a_postgres() {
    if !runs("two_stores_share_a_postgres", Postgres::available()).expect("PostgreSQL") {
        return;
    }
    let server = Postgres::shared().await.expect("a server");
    let url = server.fresh_database().await.expect("a database");
    let (near, far) = (open(&url).await, open(&url).await);
    share(&near, None).await;
    share(&far, None).await;
    shares(near, far).await;
}

#[tokio::test]
async fn two_stores_share_a_mariadb_and_a_nats() {
    let available = MariaDb::available().and_then(|()| Nats::available());
    if !runs("two_stores_share_a_mariadb_and_a_nats", available).expect("MariaDB and NATS") {
        return;
    }
    let server = MariaDb::shared().await.expect("a server");
    let url = server.fresh_database().await.expect("a database");
    let nats = Nats::shared().await.expect("a server").url();
    let (near, far) = (open(&url).await, open(&url).await);
    share(&near, Some(&nats)).await;
    share(&far, Some(&nats)).await;
    shares(near, far).await;
}

#[tokio::test]
async fn databases_that_share_a_nats_do_not_wake_each_other() {
    let case = "databases_that_share_a_nats_do_not_wake_each_other";
    if !runs(case, Nats::available()).expect("NATS") {
        return;
    }
    let nats = Nats::shared().await.expect("a server").url();
    let (mine, theirs) = (sqlite().await, sqlite().await);
    let (near, far) = (mine.open().await, mine.open().await);
    let stranger = theirs.open().await;
    for store in [&near, &far, &stranger] {
        share(store, Some(&nats)).await;
    }
    let mut strangers = stranger.signals().tasks();
    wakes_the_other(&near, &far, 1).await;
    // NATS keeps the order of one sender, so what is heard by the one is not still on its way to the other.
    assert_eq!(
        strangers.try_recv(),
        Err(broadcast::error::TryRecvError::Empty)
    );
}

/// A store behind a network that fails hears of nothing meanwhile and is woken afterwards.
#[tokio::test]
async fn a_link_that_was_cut_comes_back() {
    if !runs("a_link_that_was_cut_comes_back", Postgres::available()).expect("PostgreSQL") {
        return;
    }
    let server = Postgres::shared().await.expect("a server");
    let url = server.fresh_database().await.expect("a database");
    let proxy = Proxy::start(server.port()).await.expect("a proxy");
    let near = open(&url).await;
    let far = open(&proxy.in_front_of(&url).expect("a URL")).await;
    share(&near, None).await;
    share(&far, None).await;
    wakes_the_other(&near, &far, 1).await;

    let mut follower = far.signals().tasks();
    proxy.cut();
    let cluster = register(&near, 2, 1, 1).await;
    submit(&near, &cluster).await;
    assert_eq!(
        follower.try_recv(),
        Err(broadcast::error::TryRecvError::Empty)
    );
    proxy.restore();
    within("all are woken", async {
        while follower.recv().await != Ok(TaskNews::Missed) {}
    })
    .await;
    within("the executor, too", far.signals().work()).await;
    wakes_the_other(&near, &far, 3).await;
}

#[tokio::test]
async fn a_wrong_address_is_told() {
    let db = sqlite().await;
    let store = db.open().await;
    let refused = store.share_signals(Some("http://nowhere")).await;
    assert!(
        matches!(refused, Err(LinkError::Address { .. })),
        "{refused:?}"
    );
}
