//! The list of executors, as an operator sees it.

use slacktide_store::{ExecutorRun, NewExecutor};

use crate::{
    backend::Backend,
    kit::{commit, executor, new_executor, running, success},
};

pub(crate) async fn shows_what_each_executor_runs(db: impl Backend) {
    let store = db.open().await;
    assert_eq!(store.executors().await.expect("an answer"), []);
    let labelled = NewExecutor {
        labels: "dc=a,rack=b".parse().expect("labels"),
        capacity: 64,
        ..new_executor("e1")
    };
    let elsewhere = NewExecutor {
        host: "elsewhere".to_owned(),
        ..new_executor("e0")
    };
    for lease in [labelled.clone(), elsewhere, new_executor("e2")] {
        let begun = store.begin_lease(lease, false).await;
        begun.expect("a lease begins");
    }
    store.renew_lease("e1").await.expect("an answer");
    let e1 = executor("e1");
    let (_, begun) = running(&store, 1, 2, &e1).await;
    let done = success(&begun.claimed[0]);
    let next = commit(&store, begun.task.id, done, &e1).await;
    let next = next.expect("a commit").claimed;

    let listed = store.executors().await.expect("an answer");

    // By host, then by start.
    let ids: Vec<_> = listed.iter().map(|one| one.lease.id.as_str()).collect();
    assert_eq!(ids, ["e0", "e1", "e2"]);
    assert!(listed[1].start_time <= listed[2].start_time);
    let first = &listed[1];
    assert_eq!(
        (first.lease.host.as_str(), first.lease.counter),
        ("here", 1)
    );
    assert_eq!((&first.labels, first.capacity), (&labelled.labels, 64));
    let runs = begun.claimed[1..].iter().chain(&next);
    let mut expected: Vec<_> = runs
        .map(|run| ExecutorRun {
            task: run.task,
            subtask: run.id,
            kind: run.kind,
            since: run.state.start_time.expect("a run has begun"),
        })
        .collect();
    expected.sort_by_key(|run| run.subtask);
    assert_eq!(first.runs, expected);
    assert_eq!((&listed[0].runs, &listed[2].runs), (&vec![], &vec![]));
}
