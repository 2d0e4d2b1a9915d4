//! Many at once. The store may put what waits into one transaction; nobody may notice.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use slacktide_engine::{
    commit::{Event, Refusal},
    id::TaskId,
    status::{SubtaskStatus, TaskStatus},
};
use slacktide_store::{Duplicate, StoreError};

use crate::{
    backend::Backend,
    kit::{commit, drive, executor, key, new_cluster, register, running, stop_of, submit, success},
    watching::{assert_folds, history},
};

pub(crate) async fn accepts_one_of_racing_submits(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 1).await;
    let keys: Vec<_> = (0..8).map(|n| key(&format!("request {n}"))).collect();

    let submits = keys
        .iter()
        .map(|key| store.submit(stop_of(&cluster, Some(key.clone()))));
    let results = join_all(submits).await;

    let mut accepted = None;
    for (key, result) in keys.iter().zip(results) {
        let remembered = store.remembered(key).await.expect("an answer");
        match result {
            Ok(made) => {
                assert_eq!(remembered.map(|r| r.resource), Some(made.task.id.0));
                assert_eq!(accepted.replace(made.task.id), None, "only one");
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Conflict(_)), "{error:?}");
                assert_eq!(remembered, None);
            }
        }
    }
    assert!(accepted.is_some());
    let cluster = store.cluster(cluster.id).await.expect("the cluster");
    assert_eq!((cluster.active_task, cluster.generation), (accepted, 1));
    let rows = db.dump().await;
    assert_eq!(rows.rows_of("task"), 1);
    assert_eq!(rows.rows_of("subtask"), 11);
    assert_eq!(rows.rows_of("task_revision"), 1);
    assert_eq!(rows.rows_of("idempotency_key"), 1);
}

pub(crate) async fn gives_no_id_twice(db: impl Backend) {
    // Two stores on one database, as two processes have it.
    let stores = [db.open().await, db.open().await];
    let submits = (0..40).map(async |number: u8| {
        let store = &stores[usize::from(number) % 2];
        let cluster = register(store, number, 1, 1).await;
        submit(store, &cluster).await
    });
    let accepted = join_all(submits).await;

    let tasks: BTreeSet<_> = accepted.iter().map(|a| a.task.id).collect();
    assert_eq!(tasks.len(), 40);
    let subtasks: BTreeSet<_> = accepted
        .iter()
        .flat_map(|a| &a.subtasks)
        .map(|s| s.id)
        .collect();
    assert_eq!(subtasks.len(), 40 * 11);
}

pub(crate) async fn commits_many_tasks_at_once(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let mut begun = Vec::new();
    for number in 0..10 {
        begun.push(running(&store, number, 5, &e1).await);
    }

    let runs: Vec<_> = begun.iter().flat_map(|(_, begun)| &begun.claimed).collect();
    let ends = runs
        .iter()
        .map(|run| commit(&store, run.task, success(run), &e1));
    let committed: Vec<_> = join_all(ends)
        .await
        .into_iter()
        .map(|result| result.expect("a commit"))
        .collect();

    assert_eq!(committed.len(), 50);
    // Each task's last commit opened the barrier and claimed the next five.
    let mut last: BTreeMap<TaskId, i64> = BTreeMap::new();
    for one in &committed {
        assert!(matches!(one.claimed.len(), 0 | 5), "{one:?}");
        let revision = last.entry(one.task.id).or_default();
        *revision = (*revision).max(one.task.revision);
    }
    let claimed: usize = committed.iter().map(|one| one.claimed.len()).sum();
    assert_eq!(claimed, 50);

    // What was answered is durable, and was answered as it is.
    store.close().await;
    let store = db.open().await;
    for (accepted, _) in &begun {
        let now = store.task(accepted.task.id, true).await.expect("the task");
        assert_eq!(now.task.revision, last[&accepted.task.id]);
        let history = history(&store, accepted.task.id, 2).await;
        assert_folds(
            (accepted.task.clone(), accepted.subtasks.clone()),
            &history,
            &now,
        );
    }
    for run in committed.iter().flat_map(|one| &one.claimed) {
        let stored = store.subtask(run.task, run.id).await.expect("the subtask");
        assert_eq!((stored.epoch, stored.owner), (run.epoch, run.owner.clone()));
    }
}

pub(crate) async fn spares_the_neighbours_of_a_refused_commit(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    register(&store, 0, 1, 1).await;
    let mut tasks = Vec::new();
    for number in 1..=20 {
        tasks.push(running(&store, number, 1, &e1).await.1);
    }

    // Good and bad ones in turn: stale, unknown, and one that violates a unique index.
    let stale = |begun: &slacktide_store::Committed| Event::HandBack {
        subtask: begun.claimed[0].id,
        epoch: 1,
    };
    let work = tasks.iter().map(async |begun| {
        tokio::join!(
            commit(&store, begun.task.id, stale(begun), &e1),
            commit(&store, TaskId(404), stale(begun), &e1),
            store.register(new_cluster(0, 1, 1), None),
            commit(&store, begun.task.id, success(&begun.claimed[0]), &e1),
        )
    });
    for (stale, unknown, taken, good) in join_all(work).await {
        assert!(
            matches!(stale, Err(StoreError::Refused(Refusal::Stale { .. }))),
            "{stale:?}"
        );
        assert!(
            matches!(unknown, Err(StoreError::NotFound { .. })),
            "{unknown:?}"
        );
        assert!(
            matches!(taken, Err(StoreError::Duplicate(Duplicate::ClusterName))),
            "{taken:?}"
        );
        let good = good.expect("a good commit");
        assert_eq!(good.claimed.len(), 1);
        let ended = drive(&store, good, &e1).await;
        assert_eq!(ended.state.status, TaskStatus::Successful);
    }
}

pub(crate) async fn gives_a_run_to_one_claimant(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 3).await;
    let accepted = submit(&store, &cluster).await;
    let executors: Vec<_> = (0..6).map(|n| executor(&format!("e{n}"))).collect();

    let claims = executors.iter().map(|executor| {
        let event = Event::Claim {
            subtasks: vec![accepted.subtasks[0].id],
        };
        commit(&store, accepted.task.id, event, executor)
    });
    let results = join_all(claims).await;

    let mut owners = Vec::new();
    for (executor, result) in executors.iter().zip(results) {
        match result {
            Ok(committed) => owners.push((executor, committed)),
            Err(error) => assert!(
                matches!(error, StoreError::Refused(Refusal::NothingToClaim)),
                "{error:?}"
            ),
        }
    }
    let [(owner, committed)] = owners.as_slice() else {
        panic!("one claimant, not {owners:?}");
    };
    assert_eq!(committed.claimed.len(), 3);
    let own = store.runs_of(&owner.executor).await.expect("its runs");
    assert_eq!(own.len(), 3);
}

/// Two processes end the last two upstreams of a barrier in the same moment: whichever commits later must see
/// what the other has written, whatever snapshot its transaction began with.
pub(crate) async fn opens_a_barrier_whose_last_upstreams_end_at_once(db: impl Backend) {
    let stores = [db.open().await, db.open().await];
    let executors = [executor("e1"), executor("e2")];
    for number in 0..12 {
        let (accepted, begun) = running(&stores[0], number, 2, &executors[0]).await;
        let task = accepted.task.id;
        let [one, other] = begun.claimed.as_slice() else {
            panic!("a run for each server, not {begun:?}");
        };
        assert_eq!(one.downstreams, other.downstreams);

        let ends = tokio::join!(
            commit(&stores[0], task, success(one), &executors[0]),
            commit(&stores[1], task, success(other), &executors[1]),
        );

        let ends = [ends.0.expect("a commit"), ends.1.expect("a commit")];
        let mut claimed = ends.map(|end| end.claimed.len());
        claimed.sort_unstable();
        assert_eq!(claimed, [0, 2], "the later one goes on, and it alone");
        let barrier = one.downstreams.iter().next().expect("a barrier");
        let barrier = stores[0].subtask(task, barrier).await.expect("the barrier");
        assert_eq!(
            (barrier.open_upstreams, barrier.state.status),
            (0, SubtaskStatus::Successful)
        );
    }
}
