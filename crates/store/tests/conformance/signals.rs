//! Wake-ups: hints that come after the commit, never before.

use std::time::Duration;

use futures::future::join_all;
use slacktide_engine::commit::{Claimant, Event};
use tokio::time::timeout;

use crate::{
    backend::Backend,
    kit::{LIMIT, begin, commit, executor, new_executor, register, running, submit, success},
};

pub(crate) async fn wake_a_watcher_with_the_last_revision(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 2, &e1).await;
    let task = accepted.task.id;
    let mut watchers = [store.signals().task(task), store.signals().task(task)];

    for run in &begun.claimed {
        let committing = async { commit(&store, task, success(run), &e1).await };
        let [first, second] = &mut watchers;
        let waking = async {
            let (first, second) = tokio::join!(first.changed(), second.changed());
            first.and(second).expect("a change");
            // Whoever is woken finds what it was woken for.
            store.task(task, false).await.expect("the task")
        };
        let (committed, seen) = tokio::join!(committing, async {
            timeout(LIMIT, waking).await.expect("a wake-up")
        });

        let revision = committed.expect("a commit").task.revision;
        assert_eq!(seen.task.revision, revision);
        for watcher in &mut watchers {
            assert_eq!(*watcher.borrow_and_update(), revision);
        }
    }
}

pub(crate) async fn wake_the_watchers_of_many_tasks(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let mut tasks = Vec::new();
    for number in 1..=20 {
        tasks.push(running(&store, number, 1, &e1).await.1);
    }
    let signals = store.signals();
    let watchers: Vec<_> = tasks.iter().map(|t| signals.task(t.task.id)).collect();

    let ends = tasks
        .iter()
        .map(|begun| commit(&store, begun.task.id, success(&begun.claimed[0]), &e1));
    for (committed, mut watcher) in join_all(ends).await.into_iter().zip(watchers) {
        let revision = committed.expect("a commit").task.revision;
        let woken = timeout(LIMIT, watcher.wait_for(|seen| *seen == revision)).await;
        woken.expect("a wake-up").expect("the store lives");
    }
}

pub(crate) async fn stay_silent_when_nothing_changed(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 1, &e1).await;
    let (others, _) = running(&store, 2, 1, &e1).await;
    let watcher = store.signals().task(accepted.task.id);
    let of_other = store.signals().task(others.task.id);

    let stale = Event::HandBack {
        subtask: begun.claimed[0].id,
        epoch: 1,
    };
    let refused = commit(&store, accepted.task.id, stale, &e1).await;
    assert!(refused.is_err());
    assert!(!watcher.has_changed().expect("the store lives"));

    let end = success(&begun.claimed[0]);
    let committed = commit(&store, accepted.task.id, end, &e1).await;
    committed.expect("a commit");
    assert!(watcher.has_changed().expect("the store lives"));
    assert!(!of_other.has_changed().expect("the store lives"));
}

pub(crate) async fn wake_an_executor_when_there_is_work(db: impl Backend) {
    let store = db.open().await;
    let work = async || timeout(LIMIT, store.signals().work()).await;
    let is_quiet = async || {
        let none = timeout(Duration::ZERO, store.signals().work()).await;
        assert!(none.is_err(), "there is no work");
    };
    let cluster = register(&store, 1, 1, 2).await;
    is_quiet().await;

    // A wake-up waits for an executor that is busy when it comes.
    let accepted = submit(&store, &cluster).await;
    let first = work().await.expect("a READY root");
    let root = (accepted.task.id, accepted.subtasks[0].id);
    assert_eq!(first, slacktide_store::Work::Accepted(vec![root]));

    let room_for_one = Claimant {
        room: 1,
        ..executor("e1")
    };
    let begun = begin(&store, &accepted, &room_for_one).await;
    work().await.expect("a READY run that found no room");
    is_quiet().await;

    let hand_back = Event::HandBack {
        subtask: begun.claimed[0].id,
        epoch: begun.claimed[0].epoch,
    };
    let given = commit(&store, accepted.task.id, hand_back, &room_for_one).await;
    given.expect("it is given back");
    work().await.expect("a run that was given back");

    store
        .begin_lease(new_executor("e2"), false)
        .await
        .expect("a lease begins");
    work()
        .await
        .expect("an executor looks around when it begins");
    let seen = store.leases().await.expect("the leases").remove(0);
    store.end_lease(&seen).await.expect("the lease ends");
    work().await.expect("its runs are there to be taken over");
    is_quiet().await;
}
