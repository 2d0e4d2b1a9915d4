//! Commits: what an event on a task does to everything around it.

use std::collections::BTreeMap;

use slacktide_engine::{
    commit::{Claimant, Event, Refusal},
    id::{SubtaskId, TaskId},
    kind::SubtaskKind,
    status::{ResourceStatus, SubtaskStatus, TaskStatus},
    subtask::Subtask,
};
use slacktide_store::{Candidates, StoreError};

use crate::{
    backend::Backend,
    kit::{
        begin, commit, drive, executor, failure, new_cluster, process, register, running, submit,
        success,
    },
};

pub(crate) async fn runs_a_stop_to_its_end(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 2, 2).await;
    let accepted = submit(&store, &cluster).await;
    let e1 = executor("e1");

    let begun = begin(&store, &accepted, &e1).await;

    assert_eq!(begun.claimed.len(), 4);
    for run in &begun.claimed {
        assert_eq!(run.kind, SubtaskKind::PrepareStopObserver);
        assert_eq!(run.state.status, SubtaskStatus::Running);
        assert_eq!(run.owner.as_deref(), Some("e1"));
        assert!(run.epoch > 2 && run.deadline.is_some(), "{run:?}");
        let stored = store.subtask(run.task, run.id).await.expect("the subtask");
        let version = stored.version;
        assert_eq!(
            stored,
            Subtask {
                version,
                ..run.clone()
            }
        );
    }
    let zones = store.cluster(cluster.id).await.expect("the cluster").zones;
    assert!(
        zones
            .iter()
            .all(|zone| zone.status == ResourceStatus::Stopping)
    );

    let task = drive(&store, begun, &e1).await;

    let snapshot = store.task(task.id, true).await.expect("the task");
    assert_eq!(snapshot.task, task);
    assert_eq!(task.state.status, TaskStatus::Successful);
    assert_eq!(task.state.finish_time, Some(task.last_time));
    for subtask in &snapshot.subtasks {
        let state = &subtask.state;
        assert_eq!(state.status, SubtaskStatus::Successful, "{subtask:?}");
        assert!(state.start_time <= state.finish_time, "{subtask:?}");
        assert_eq!((&subtask.owner, subtask.deadline), (&None, None));
    }
    assert_no_start_before_upstreams_finished(&snapshot.subtasks);

    let stopped = store.cluster(cluster.id).await.expect("the cluster");
    assert_eq!(
        (stopped.status, stopped.active_task),
        (ResourceStatus::Stopped, None)
    );
    for zone in &stopped.zones {
        assert_eq!(zone.status, ResourceStatus::Stopped);
        for server in &zone.servers {
            assert_eq!(server.status, ResourceStatus::Stopped);
            assert!(server.stop_time.is_some(), "{server:?}");
        }
    }
    let candidates = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(candidates, Candidates::default());
}

fn assert_no_start_before_upstreams_finished(subtasks: &[Subtask]) {
    let finished: BTreeMap<_, _> = subtasks
        .iter()
        .map(|subtask| (subtask.id, subtask.state.finish_time))
        .collect();
    for subtask in subtasks {
        for upstream in subtask.upstreams.iter() {
            assert!(
                finished[&upstream] <= subtask.state.start_time,
                "{subtask:?}"
            );
        }
    }
}

pub(crate) async fn keeps_the_cluster_of_a_failed_task(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 2, &e1).await;
    let id = accepted.task.id;

    let first = failure(&begun.claimed[0], "the process is owned by a unit");
    let committed = commit(&store, id, first, &e1).await.expect("a commit");
    // Its sibling still runs, so the task goes on, but names the reason at once.
    assert_eq!(committed.task.state.status, TaskStatus::Running);
    assert!(committed.task.state.error.is_some());
    let second = success(&begun.claimed[1]);
    let committed = commit(&store, id, second, &e1).await.expect("a commit");

    assert_eq!(committed.task.state.status, TaskStatus::Failed);
    assert_eq!(committed.claimed, []);
    let error = committed.task.state.error.expect("a reason");
    assert!(error.contains("owned by a unit"), "{error}");
    let cluster = store.cluster(accepted.task.cluster.id).await;
    let cluster = cluster.expect("the cluster");
    assert_eq!(
        (cluster.status, cluster.active_task),
        (ResourceStatus::Stopping, Some(id))
    );
    assert!(
        cluster.status_reason.contains("owned by a unit"),
        "{cluster:?}"
    );
    let statuses: Vec<_> = cluster.servers().map(|server| server.status).collect();
    assert_eq!(
        statuses,
        [ResourceStatus::Running, ResourceStatus::Stopping]
    );
    let candidates = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(candidates, Candidates::default());
}

pub(crate) async fn claims_within_room(db: impl Backend) {
    let store = db.open().await;
    let cluster = register(&store, 1, 1, 5).await;
    let accepted = submit(&store, &cluster).await;
    let room = |room| Claimant {
        room,
        ..executor("e1")
    };

    let begun = begin(&store, &accepted, &room(2)).await;
    assert_eq!(begun.claimed.len(), 2);
    let ready = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(ready.ready.len(), 3);

    // An executor that drains commits what it has and takes nothing new.
    let end = success(&begun.claimed[0]);
    let committed = commit(&store, accepted.task.id, end, &room(0)).await;
    assert_eq!(committed.expect("a commit").claimed, []);
    let event = Event::Claim {
        subtasks: ready.ready.iter().map(|(_, subtask)| *subtask).collect(),
    };
    let rest = commit(&store, accepted.task.id, event, &room(9)).await;
    assert_eq!(rest.expect("a commit").claimed.len(), 3);
}

/// Were the graph read by each of its commits, 9,012 subtasks would make that many times as many rows. Rows that
/// cannot be read tell, since they fail whoever loads them.
pub(crate) async fn loads_the_subtask_and_its_barrier_and_never_the_graph(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 40, &e1).await;
    let run = &begun.claimed[0];
    let downstreams: Vec<_> = run.downstreams.iter().collect();
    let [barrier] = downstreams[..] else {
        panic!("one barrier, not {downstreams:?}");
    };
    let (server, first) = (run.server.expect("a server"), run.id.0);
    // A few that come next may be read ahead, however large the graph is.
    let ahead = first + 10;
    assert!(barrier.0 > ahead && accepted.subtasks.len() == 128);
    for damage in [
        format!(
            "UPDATE subtask SET kind = 'Wait note' \
             WHERE id <> {barrier} AND NOT id BETWEEN {first} AND {ahead}"
        ),
        format!("UPDATE server SET driver = 'not json' WHERE id <> {server}"),
    ] {
        db.execute(&damage).await;
    }
    // One that knows nothing of the task from its own commits.
    let store = db.open().await;
    let whole = store.task(run.task, true).await;
    assert!(matches!(whole, Err(StoreError::Corrupt { .. })));

    let ended = commit(&store, run.task, success(run), &e1).await;

    ended.expect("the rest is not loaded");
    let barrier = store.subtask(run.task, barrier).await.expect("the barrier");
    assert_eq!(barrier.open_upstreams, 39);
}

pub(crate) async fn claims_for_its_own_host_only(db: impl Backend) {
    let store = db.open().await;
    let mut new = new_cluster(1, 1, 2);
    new.zones[0].servers[0].driver = process("here", "/data/ob1");
    new.zones[0].servers[1].driver = process("there", "/data/ob1");
    let cluster = store.register(new, None).await.expect("it is registered");
    let accepted = submit(&store, &cluster).await;

    let begun = begin(&store, &accepted, &executor("e1")).await;

    let hosts: Vec<_> = begun.claimed.iter().map(|run| run.host.clone()).collect();
    assert_eq!(hosts, [Some("here".to_owned())]);
    let here = store.candidates("here", &[], 10).await.expect("candidates");
    assert_eq!(here.ready, []);
    let there = store
        .candidates("there", &[], 10)
        .await
        .expect("candidates");
    assert_eq!(there.ready.len(), 1);
}

pub(crate) async fn knows_no_ended_or_unknown_task(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 1, &e1).await;
    let late = success(&begun.claimed[0]);
    drive(&store, begun, &e1).await;
    let before = db.dump().await;

    for (what, task) in [("ended", accepted.task.id), ("unknown", TaskId(404))] {
        let refused = commit(&store, task, late.clone(), &e1).await;
        let as_expected = match what {
            "ended" => matches!(refused, Err(StoreError::Refused(Refusal::Stale { .. }))),
            _ => matches!(refused, Err(StoreError::NotFound { .. })),
        };
        assert!(as_expected, "{what}: {refused:?}");
    }
    // A store that has read nothing yet, as after a restart.
    let store = db.open().await;
    for id in [404, 0, -1, i64::MIN, i64::MAX] {
        let skip = Event::SkipSubtask(SubtaskId(id));
        let refused = store.command(accepted.task.id, skip, None).await;
        assert!(
            matches!(refused, Err(StoreError::Refused(_))),
            "{id}: {refused:?}"
        );
    }
    db.dump().await.assert_same(&before, "a late event");
}

pub(crate) async fn moves_the_update_time(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 1, &e1).await;
    let cluster = accepted.task.cluster.id;
    let before = store.cluster(cluster).await.expect("the cluster");

    // The server becomes STOPPING; the cluster's own row does not change.
    let end = success(&begun.claimed[0]);
    let committed = commit(&store, accepted.task.id, end, &e1).await;

    let after = store.cluster(cluster).await.expect("the cluster");
    assert!(after.update_time > before.update_time);
    assert_eq!(
        after.update_time,
        committed.expect("a commit").task.last_time
    );
}
