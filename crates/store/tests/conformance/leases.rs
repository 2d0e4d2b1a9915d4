//! Leases, and what they decide: which runs are there to be had.

use slacktide_engine::{commit::Event, id::SubtaskId};
use slacktide_store::{Executor, QueueDepth, Store};

use crate::{
    backend::Backend,
    kit::{
        begin, commit, drive, executor, new_cluster, new_executor, process, register, running,
        submit, success,
    },
};

async fn leases(store: &Store) -> Vec<(String, i64)> {
    let mut leases = store.leases().await.expect("the leases");
    leases.sort_by(|a, b| a.id.cmp(&b.id));
    leases
        .into_iter()
        .map(|lease| (lease.id, lease.counter))
        .collect()
}

async fn lease(store: &Store, id: &str) {
    let begun = store.begin_lease(new_executor(id), false).await;
    begun.expect("the lease begins");
}

async fn lease_of(store: &Store, id: &str) -> Executor {
    let leases = store.leases().await.expect("the leases");
    let found = leases.into_iter().find(|lease| lease.id == id);
    found.expect("the lease")
}

pub(crate) async fn counts_renewals(db: impl Backend) {
    let store = db.open().await;
    lease(&store, "e1").await;
    lease(&store, "e2").await;
    assert_eq!(lease_of(&store, "e1").await.host, "here");

    for _ in 0..3 {
        let renewed = store.renew_lease("e1").await;
        assert!(renewed.expect("an answer"));
    }

    let expected = [("e1".to_owned(), 3), ("e2".to_owned(), 0)];
    assert_eq!(leases(&store).await, expected);
    let unknown = store.renew_lease("e3").await;
    assert!(!unknown.expect("an answer"));
    assert_eq!(leases(&store).await, expected);
}

pub(crate) async fn ends_only_what_was_seen(db: impl Backend) {
    let store = db.open().await;
    lease(&store, "e1").await;
    let seen = lease_of(&store, "e1").await;
    assert!(store.renew_lease("e1").await.expect("an answer"));

    // It was renewed after it was seen: it lives.
    assert!(!store.end_lease(&seen).await.expect("an answer"));
    assert!(store.renew_lease("e1").await.expect("an answer"));

    let seen = lease_of(&store, "e1").await;
    assert!(store.end_lease(&seen).await.expect("an answer"));
    assert_eq!(leases(&store).await, []);
    // An executor whose lease was taken away learns it from its next renewal.
    assert!(!store.renew_lease("e1").await.expect("an answer"));
    assert!(!store.end_lease(&seen).await.expect("an answer"));
}

pub(crate) async fn begins_alone(db: impl Backend) {
    let store = db.open().await;
    lease(&store, "e1").await;
    lease(&store, "e2").await;

    let alone = store.begin_lease(new_executor("e3"), true).await;
    alone.expect("the lease begins");

    assert_eq!(leases(&store).await, [("e3".to_owned(), 0)]);
    assert!(!store.renew_lease("e1").await.expect("an answer"));
}

pub(crate) async fn offers_ready_subtasks(db: impl Backend) {
    let store = db.open().await;
    let none = store.candidates("here", &[], 10).await;
    assert_eq!(none.expect("candidates"), Default::default());
    let mut roots = Vec::new();
    for number in 1..=3 {
        let cluster = register(&store, number, 1, 1).await;
        let accepted = submit(&store, &cluster).await;
        roots.push((accepted.task.id, accepted.subtasks[0].id));
    }

    // The oldest come first, so that none waits for ever.
    let two = store
        .candidates("anywhere", &[], 2)
        .await
        .expect("candidates");
    assert_eq!(two.ready, roots[..2]);
    let all = store
        .candidates("anywhere", &[], 10)
        .await
        .expect("candidates");
    assert_eq!(all.ready, roots);
    assert_eq!(all.lost, []);
    let depth = store.queue_depth().await.expect("a depth");
    assert_eq!(
        depth,
        QueueDepth {
            ready: 3,
            running: 0
        }
    );
}

pub(crate) async fn offers_what_a_dead_executor_left(db: impl Backend) {
    let store = db.open().await;
    let mut new = new_cluster(1, 1, 3);
    new.zones[0].servers[0].driver = process("here", "/data/ob1");
    let cluster = store.register(new, None).await.expect("it is registered");
    lease(&store, "e1").await;
    lease(&store, "e2").await;
    let accepted = submit(&store, &cluster).await;
    let begun = begin(&store, &accepted, &executor("e1")).await;
    assert_eq!(begun.claimed.len(), 3);
    // What a living executor runs is nobody else's.
    let living = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(living, Default::default());
    let depth = store.queue_depth().await.expect("a depth");
    assert_eq!(
        depth,
        QueueDepth {
            ready: 0,
            running: 3
        }
    );

    let seen = lease_of(&store, "e1").await;
    assert!(store.end_lease(&seen).await.expect("an answer"));

    let lost: Vec<_> = begun
        .claimed
        .iter()
        .map(|run| (run.task, run.id, run.epoch))
        .collect();
    let here = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!((here.ready, &here.lost), (Vec::new(), &lost));
    let two = store.candidates("here", &[], 2).await.expect("candidates");
    assert_eq!(two.lost, lost[..2]);
    // The first works on a process of another host.
    let there = store
        .candidates("there", &[], 10)
        .await
        .expect("candidates");
    assert_eq!(there.lost, lost[1..]);

    let runs: Vec<_> = lost.iter().map(|(_, id, epoch)| (*id, *epoch)).collect();
    let taken = commit(
        &store,
        accepted.task.id,
        Event::TakeOver { runs },
        &executor("e2"),
    )
    .await
    .expect("they are taken over");
    let after = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(after, Default::default());
    drive(&store, taken, &executor("e2")).await;
}

pub(crate) async fn lists_an_executors_runs(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (_, first) = running(&store, 1, 2, &e1).await;
    let (_, second) = running(&store, 2, 1, &e1).await;
    running(&store, 3, 1, &executor("e2")).await;
    let own = async || {
        let runs = store.runs_of("e1").await.expect("its runs");
        let mut ids: Vec<SubtaskId> = runs.iter().map(|(_, id, _)| *id).collect();
        ids.sort();
        ids
    };
    let claimed: Vec<_> = first.claimed.iter().chain(&second.claimed).collect();
    assert_eq!(
        own().await,
        claimed.iter().map(|r| r.id).collect::<Vec<_>>()
    );

    let end = success(&first.claimed[0]);
    let ended = commit(&store, first.task.id, end, &e1).await;
    ended.expect("a commit");
    let rest: Vec<_> = claimed[1..].iter().map(|run| run.id).collect();
    assert_eq!(own().await, rest);
    assert_eq!(store.runs_of("e3").await.expect("no runs"), []);
}
