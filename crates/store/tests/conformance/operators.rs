//! What the complete engine asks of the store: operators' commands, limits of time, labels, and what is observed of
//! clusters that nobody works on.

use slacktide_engine::{
    commit::{Event, Failure, Observation, Outcome, Refusal},
    id::{ServerId, TaskId},
    observe::Observed,
    plan::Accepted,
    selector::Selector,
    status::{Operation, ResourceStatus, SubtaskStatus, TaskStatus},
    time::Micros,
};
use slacktide_store::{Duplicate, NewExecutor, StoreError, clock};

use crate::{
    backend::Backend,
    kit::{
        LIMIT, begin, commit, drive, executor, failure, key, new_cluster, new_executor, register,
        running, servers, submit,
    },
};

const LONG_AGO: Micros = Micros(1);

fn labels(text: &str) -> Selector {
    text.parse().expect("labels")
}

pub(crate) async fn retries_what_failed(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 1, &e1).await;
    let task = accepted.task.id;
    let failed = failure(&begun.claimed[0], "it stays");
    let failed = commit(&store, task, failed, &e1).await.expect("a commit");
    assert_eq!(failed.task.state.status, TaskStatus::Failed);

    let retried = store
        .command(task, Event::RetryTask, Some(key("again")))
        .await;

    let retried = retried.expect("it is retried").task;
    assert_eq!(retried.state.status, TaskStatus::Running);
    let remembered = store.remembered(&key("again")).await.expect("an answer");
    assert_eq!(remembered.map(|made| made.resource), Some(task.0));
    let ready = store.candidates("here", &[], 10).await.expect("candidates");
    let subtasks: Vec<_> = ready.ready.iter().map(|(_, subtask)| *subtask).collect();
    assert_eq!(subtasks, [begun.claimed[0].id]);
    let claimed = commit(&store, task, Event::Claim { subtasks }, &e1).await;
    let ended = drive(&store, claimed.expect("it is claimed"), &e1).await;
    assert_eq!(ended.state.status, TaskStatus::Successful);
}

pub(crate) async fn refuses_a_command_whole(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 1, &e1).await;
    let task = accepted.task.id;
    let before = db.dump().await;

    let refused = store
        .command(task, Event::RetryTask, Some(key("too early")))
        .await;
    assert!(
        matches!(refused, Err(StoreError::Refused(Refusal::TaskState { .. }))),
        "{refused:?}"
    );
    let unknown = store
        .command(TaskId(404), Event::RetryTask, Some(key("nothing")))
        .await;
    assert!(
        matches!(unknown, Err(StoreError::NotFound { .. })),
        "{unknown:?}"
    );
    db.dump().await.assert_same(&before, "a refused command");

    let failed = failure(&begun.claimed[0], "it stays");
    commit(&store, task, failed, &e1).await.expect("a commit");
    let first = store
        .command(task, Event::RetryTask, Some(key("one")))
        .await;
    first.expect("it is retried");
    let before = db.dump().await;
    let cancel = store
        .command(task, Event::CancelTask, Some(key("one")))
        .await;
    assert!(
        matches!(cancel, Err(StoreError::Duplicate(Duplicate::RequestId))),
        "{cancel:?}"
    );
    db.dump().await.assert_same(&before, "a key that was used");
}

pub(crate) async fn cancels_what_runs(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 2, &e1).await;
    let run = &begun.claimed[0];
    assert_eq!(store.canceling("e1").await.expect("runs"), []);
    store.signals().work().await;

    let event = Event::CancelSubtask(run.id);
    let canceled = store.command(accepted.task.id, event, None).await;
    canceled.expect("it is being canceled");

    let woken = tokio::time::timeout(LIMIT, store.signals().canceling());
    woken.await.expect("its executor is woken");
    let canceling = store.canceling("e1").await.expect("runs");
    assert_eq!(canceling, [(accepted.task.id, run.id, run.epoch)]);
    assert_eq!(store.canceling("e2").await.expect("runs"), []);
    assert_eq!(store.runs_of("e1").await.expect("runs").len(), 2);
    let announced = store.record_intent(run, "send SIGKILL").await;
    assert!(!announced.expect("an answer"), "it does nothing more");
}

pub(crate) async fn waits_before_it_tries_again(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 1, &e1).await;
    let run = &begun.claimed[0];
    let outcome = Outcome {
        result: Err(Failure {
            transient: true,
            code: Some(-4012),
            ..Failure::new("no answer")
        }),
        observed: Some(Observation::Alive),
    };
    let event = Event::Finish {
        subtask: run.id,
        epoch: run.epoch,
        outcome,
    };
    commit(&store, accepted.task.id, event, &e1)
        .await
        .expect("a commit");

    let waiting = store.subtask(accepted.task.id, run.id).await;
    let waiting = waiting.expect("the subtask");
    assert_eq!(waiting.state.status, SubtaskStatus::Ready);
    assert_eq!(waiting.state.operation, Operation::Retry);
    assert_eq!(waiting.auto_retries, 1);
    assert!(waiting.not_before > Some(accepted.task.create_time));
    db.execute(
        "UPDATE subtask SET not_before = not_before + 3600000000 WHERE not_before IS NOT NULL",
    )
    .await;
    let early = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(early.ready, []);
    db.execute("UPDATE subtask SET not_before = 1 WHERE not_before IS NOT NULL")
        .await;
    let due = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(due.ready, [(accepted.task.id, run.id)]);
}

pub(crate) async fn finds_what_is_overdue(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 1, &e1).await;
    let run = &begun.claimed[0];
    let of_run = [(accepted.task.id, run.id, run.epoch)];

    assert_eq!(store.overdue("here", LONG_AGO).await.expect("runs"), []);
    assert_eq!(store.overdue("here", clock::now()).await.expect("runs"), []);
    let later = Micros(run.deadline.expect("a deadline").0 + 1);
    assert_eq!(store.overdue("here", later).await.expect("runs"), of_run);
}

pub(crate) async fn offers_by_labels(db: impl Backend) {
    let store = db.open().await;
    let mut new = new_cluster(1, 1, 1);
    new.selector = labels("dc=a,rack=b");
    let cluster = store.register(new, None).await.expect("it is registered");
    assert_eq!(cluster.selector, labels("dc=a,rack=b"));
    let accepted = submit(&store, &cluster).await;
    let other = register(&store, 2, 1, 1).await;
    let anywhere = submit(&store, &other).await;
    let root = |accepted: &Accepted| (accepted.task.id, accepted.subtasks[0].id);

    let lease = NewExecutor {
        labels: labels("dc=a,rack=b"),
        capacity: 8,
        ..new_executor("e1")
    };
    store.begin_lease(lease, false).await.expect("a lease");
    assert_eq!(
        store.selectors().await.expect("selectors"),
        [labels("dc=a,rack=b")]
    );
    let none = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(none.ready, [root(&anywhere)]);
    let met = [labels("dc=z"), labels("dc=a,rack=b")];
    let both = store.candidates("here", &met, 10).await;
    assert_eq!(
        both.expect("candidates").ready,
        [root(&accepted), root(&anywhere)]
    );
}

fn seen(server: ServerId) -> Observed {
    Observed {
        servers: vec![(server, ResourceStatus::Unavailable, "gone".to_owned())],
        zones: Vec::new(),
        cluster: (
            ResourceStatus::Unavailable,
            "of 1 servers, 1 UNAVAILABLE".to_owned(),
        ),
    }
}

pub(crate) async fn records_what_is_observed_of_idle_clusters_only(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 1).await;
    let server = servers(&cluster)[0].id;

    let recorded = store.observe(&cluster, seen(server)).await;
    assert!(recorded.expect("an answer"));
    // Two looked at the same time: what the other made of the whole, it made without what was seen here.
    let beside = store.observe(&cluster, seen(server)).await;
    assert!(!beside.expect("an answer"));
    let now = store.cluster(cluster.id).await.expect("the cluster");
    assert_eq!(now.status, ResourceStatus::Unavailable);
    assert_eq!(servers(&now)[0].status, ResourceStatus::Unavailable);
    assert_eq!(servers(&now)[0].status_reason, "gone");
    let again = store.observe(&now, seen(server)).await;
    assert!(again.expect("an answer"));

    let other = register(&store, 2, 1, 1).await;
    let e1 = executor("e1");
    let accepted = submit(&store, &other).await;
    let before = db.dump().await;
    let server = servers(&other)[0].id;
    let held_now = store.cluster(other.id).await.expect("the cluster");
    for read in [&other, &held_now] {
        let held = store.observe(read, seen(server)).await;
        assert!(!held.expect("an answer"));
    }
    db.dump()
        .await
        .assert_same(&before, "an observation of a cluster that is held");
    let begun = begin(&store, &accepted, &e1).await;
    drive(&store, begun, &e1).await;
    // It was looked at before the task: what was seen then is history.
    let late = store.observe(&other, seen(server)).await;
    assert!(!late.expect("an answer"));
    let stopped = store.cluster(other.id).await.expect("the cluster");
    assert_eq!(stopped.status, ResourceStatus::Stopped);
}
