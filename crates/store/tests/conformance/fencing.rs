//! Runs that are over, and tasks that have lost their cluster, change nothing any more.

use slacktide_engine::{
    commit::{Event, Outcome, Refusal},
    id::SubtaskId,
    status::{Operation, SubtaskStatus},
};
use slacktide_store::{Committed, Journal, Store, StoreError};

use crate::{
    backend::Backend,
    kit::{commit, drive, executor, failure, running, success},
};

/// A commit with a journal, which must not be written either if the event is refused.
async fn commit_journaled(
    store: &Store,
    begun: &Committed,
    event: Event,
) -> Result<Committed, StoreError> {
    let server = begun.claimed[0].server.expect("a server");
    let journal = Journal {
        server,
        process: Some("forged".to_owned()),
        launch: Some("forged".to_owned()),
    };
    let claimant = executor("e1");
    let committed = store.commit(begun.task.id, event, claimant, Some(journal));
    committed.await
}

pub(crate) async fn drops_late_results_whole(db: impl Backend) {
    let store = db.open().await;
    let (_, begun) = running(&store, 1, 2, &executor("e1")).await;
    let task = begun.task.id;
    let [lost, kept] = begun.claimed.as_slice() else {
        panic!("a run for each server, not {begun:?}");
    };
    let runs = vec![(lost.id, lost.epoch)];
    let taken = commit(&store, task, Event::TakeOver { runs }, &executor("e2")).await;
    let taken = taken.expect("it is taken over").claimed.remove(0);
    assert_eq!(taken.id, lost.id);
    assert!(taken.epoch > lost.epoch && taken.epoch > kept.epoch);
    assert_eq!(taken.owner.as_deref(), Some("e2"));
    assert_eq!(taken.state.run_time, lost.state.run_time);

    let hand_back = Event::HandBack {
        subtask: lost.id,
        epoch: lost.epoch,
    };
    let never_was = Event::Finish {
        subtask: kept.id,
        epoch: kept.epoch + 1,
        outcome: Outcome::success(),
    };
    for event in [
        success(lost),
        failure(lost, "too late"),
        hand_back,
        never_was,
    ] {
        let before = db.dump().await;
        let what = format!("{event:?}");
        let refused = commit_journaled(&store, &begun, event).await;
        assert!(
            matches!(refused, Err(StoreError::Refused(Refusal::Stale { .. }))),
            "{what}: {refused:?}"
        );
        db.dump().await.assert_same(&before, &what);
    }

    // A run that was given back is over too.
    let hand_back = Event::HandBack {
        subtask: taken.id,
        epoch: taken.epoch,
    };
    let given = commit(&store, task, hand_back, &executor("e2")).await;
    given.expect("it is given back");
    let before = db.dump().await;
    let refused = commit_journaled(&store, &begun, success(&taken)).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(Refusal::Stale { .. }))),
        "{refused:?}"
    );
    db.dump().await.assert_same(&before, "a run given back");
}

pub(crate) async fn drops_a_late_result_that_names_the_epoch_of_a_skip(db: impl Backend) {
    let store = db.open().await;
    let e2 = executor("e2");
    let (_, begun) = running(&store, 1, 1, &executor("e1")).await;
    let run = &begun.claimed[0];
    let stale = async |when: &str| {
        let before = db.dump().await;
        let late = commit_journaled(&store, &begun, success(run)).await;
        assert!(
            matches!(late, Err(StoreError::Refused(Refusal::Stale { .. }))),
            "{when}: {late:?}"
        );
        db.dump().await.assert_same(&before, when);
    };
    let failed = commit(&store, run.task, failure(run, "no answer"), &e2).await;
    failed.expect("it fails");
    stale("after the failure").await;

    let skip = store.command(run.task, Event::SkipSubtask(run.id), None);
    skip.await.expect("it is skipped");
    let skipped = store.subtask(run.task, run.id).await.expect("the subtask");
    assert_eq!(skipped.epoch, run.epoch, "the late result names this epoch");
    stale("before the skip runs").await;

    let subtasks = vec![run.id];
    let claimed = commit(&store, run.task, Event::Claim { subtasks }, &e2).await;
    let claimed = claimed.expect("it is claimed");
    stale("while the skip runs").await;
    let ended = commit(&store, run.task, success(&claimed.claimed[0]), &e2).await;
    ended.expect("it is passed over");
    stale("after the skip").await;
    let skipped = store.subtask(run.task, run.id).await.expect("the subtask");
    assert_eq!(
        (skipped.state.status, skipped.state.operation),
        (SubtaskStatus::Successful, Operation::Skip)
    );
}

pub(crate) async fn refuses_what_the_graph_has_not(db: impl Backend) {
    let store = db.open().await;
    let (accepted, begun) = running(&store, 1, 1, &executor("e1")).await;
    let (others, _) = running(&store, 2, 1, &executor("e1")).await;
    let running = &begun.claimed[0];
    let claim = |subtask| Event::Claim {
        subtasks: vec![subtask],
    };
    let of_other_task = others.subtasks[3].id;
    let pending = accepted.subtasks.last().expect("a last subtask").id;
    let nothing: [(&str, Event); 4] = [
        ("a claim of what runs", claim(running.id)),
        ("a claim of what waits", claim(pending)),
        ("a claim of what is done", claim(accepted.subtasks[0].id)),
        (
            "a takeover at another epoch",
            Event::TakeOver {
                runs: vec![(running.id, running.epoch - 1)],
            },
        ),
    ];
    let unknown: [(&str, Event); 3] = [
        ("a claim of another task's subtask", claim(of_other_task)),
        ("a claim of no subtask at all", claim(SubtaskId(404_404))),
        (
            "a result of another task's subtask",
            Event::Finish {
                subtask: of_other_task,
                epoch: 0,
                outcome: Outcome::success(),
            },
        ),
    ];
    let before = db.dump().await;

    for (what, event) in nothing {
        let refused = commit_journaled(&store, &begun, event).await;
        assert!(
            matches!(refused, Err(StoreError::Refused(Refusal::NothingToClaim))),
            "{what}: {refused:?}"
        );
    }
    for (what, event) in unknown {
        let refused = commit_journaled(&store, &begun, event).await;
        assert!(
            matches!(
                refused,
                Err(StoreError::Refused(Refusal::UnknownSubtask(_)))
            ),
            "{what}: {refused:?}"
        );
    }
    db.dump().await.assert_same(&before, "what was refused");
}

pub(crate) async fn stops_a_task_that_lost_its_cluster(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    for (number, theft) in [
        (1, "UPDATE cluster SET generation = generation + 1"),
        (2, "UPDATE cluster SET active_task_id = 404"),
    ] {
        let (accepted, begun) = running(&store, number, 1, &e1).await;
        db.execute(theft).await;
        let before = db.dump().await;

        // It would end the task FAILED, and say so in the cluster's row.
        let end = failure(&begun.claimed[0], "it refuses to stop");
        let refused = commit(&store, accepted.task.id, end, &e1).await;

        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{theft}: {refused:?}"
        );
        db.dump().await.assert_same(&before, theft);
    }
}

pub(crate) async fn guards_intents(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (_, begun) = running(&store, 1, 1, &e1).await;
    let run = begun.claimed[0].clone();
    let intents = async || {
        let select = format!("SELECT intent AS line FROM subtask WHERE id = {}", run.id);
        db.connect().await.lines(&select).await
    };
    assert_eq!(intents().await, [run.kind.name()], "the claim is the first");

    let recorded = store.record_intent(&run, "SIGTERM to 4711").await;
    assert!(recorded.expect("an answer"), "the run may act");
    assert_eq!(intents().await, ["SIGTERM to 4711"]);
    // The row was written in between, which does not end the run.
    let runs = vec![(run.id, run.epoch)];
    let taken = commit(&store, run.task, Event::TakeOver { runs }, &executor("e2")).await;
    let taken = taken.expect("it is taken over");

    let recorded = store.record_intent(&run, "SIGKILL to 4711").await;
    assert!(!recorded.expect("an answer"), "the run is over");
    assert_eq!(intents().await, [run.kind.name()]);

    let present = taken.claimed[0].clone();
    drive(&store, taken, &executor("e2")).await;
    let recorded = store.record_intent(&present, "SIGKILL to 4711").await;
    assert!(!recorded.expect("an answer"), "the task has ended");
}
