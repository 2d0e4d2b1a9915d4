//! WatchTask: nothing is missed, nothing is repeated, and the end is the end.

use futures::StreamExt as _;
use slacktide_api::v1::{
    self as pb, task_change::Change, watch_task_response::Event as WatchEvent,
};
use slacktide_engine::{commit::Event, id::TaskId, kind::SubtaskKind};
use tonic::{Code, Status, Streaming};

use crate::kit::{Kit, claimant, fields, refused};

async fn watch(
    kit: &Kit,
    task_id: i64,
    after_revision: Option<i64>,
) -> Result<Streaming<pb::WatchTaskResponse>, Status> {
    let request = pb::WatchTaskRequest {
        task_id,
        after_revision,
    };
    Ok(kit.tasks("vera").watch_task(request).await?.into_inner())
}

async fn get(kit: &Kit, id: i64) -> pb::Task {
    let read = kit
        .tasks("vera")
        .get_task(pb::GetTaskRequest { id, view: 0 })
        .await;
    read.unwrap().into_inner().task.unwrap()
}

/// Puts a snapshot's chunks together.
async fn snapshot(stream: &mut Streaming<pb::WatchTaskResponse>) -> (pb::Task, usize) {
    let mut task = pb::Task::default();
    for chunks in 1.. {
        let event = stream.next().await.unwrap().unwrap().event.unwrap();
        let WatchEvent::Snapshot(chunk) = event else {
            panic!("{event:?} instead of a snapshot");
        };
        assert_eq!(chunk.task.is_some(), chunks == 1, "in the first chunk only");
        if let Some(first) = chunk.task {
            task = first;
        }
        task.subtasks.extend(chunk.subtasks);
        if chunk.last {
            return (task, chunks);
        }
    }
    unreachable!()
}

/// The changes that follow, to the end.
async fn rest(stream: Streaming<pb::WatchTaskResponse>) -> Vec<pb::TaskChange> {
    let messages = stream.map(|message| match message.unwrap().event.unwrap() {
        WatchEvent::Changes(changes) => changes.changes,
        other => panic!("{other:?} instead of changes"),
    });
    messages.collect::<Vec<_>>().await.concat()
}

fn apply(task: &mut pb::Task, change: pb::TaskChange) {
    assert_eq!(change.revision, task.revision + 1);
    task.revision = change.revision;
    match change.change.unwrap() {
        Change::Task(state) => {
            (task.status, task.operation) = (state.status, state.operation);
            (task.start_time, task.finish_time) = (state.start_time, state.finish_time);
            task.error = state.error;
        }
        Change::Subtask(state) => {
            let subtask = task.subtasks.iter_mut().find(|s| s.id == state.id).unwrap();
            (subtask.status, subtask.operation) = (state.status, state.operation);
            (subtask.executor, subtask.run_time) = (state.executor, state.run_time);
            (subtask.start_time, subtask.finish_time) = (state.start_time, state.finish_time);
            subtask.error = state.error;
        }
    }
}

#[tokio::test]
async fn a_snapshot_and_its_changes_give_the_task_as_it_is() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 2, 3).await;
    let accepted = kit.stop(cluster.id).await;
    let mut stream = watch(&kit, accepted.id, None).await.unwrap();
    let (mut task, chunks) = snapshot(&mut stream).await;
    assert_eq!((&task, chunks), (&accepted, 1));

    let ((), changes) = futures::join!(kit.run(accepted.id, None), rest(stream));
    for change in changes {
        apply(&mut task, change);
    }
    let now = get(&kit, accepted.id).await;
    assert_eq!(now.status(), pb::TaskStatus::Successful);
    assert_eq!(
        task,
        pb::Task {
            progress: task.progress,
            executor: task.executor.clone(),
            ..now
        }
    );
}

#[tokio::test]
async fn a_watch_resumes_behind_any_revision() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 2).await;
    let task = kit.stop(cluster.id).await;
    kit.run(task.id, None).await;
    let last = get(&kit, task.id).await.revision;
    assert!(
        last > 28,
        "each of 14 subtasks is readied and ended: {last}"
    );
    for after in 0..=last {
        let stream = watch(&kit, task.id, Some(after)).await.unwrap();
        let revisions: Vec<_> = rest(stream).await.iter().map(|c| c.revision).collect();
        assert_eq!(revisions, Vec::from_iter(after + 1..=last));
    }
}

#[tokio::test]
async fn a_failed_task_ends_the_stream_too() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    kit.run(task.id, Some(SubtaskKind::StopObserverProcess))
        .await;
    let mut stream = watch(&kit, task.id, None).await.unwrap();
    let (seen, _) = snapshot(&mut stream).await;
    assert_eq!(seen.status(), pb::TaskStatus::Failed);
    assert!(
        seen.subtasks
            .iter()
            .any(|s| s.error == "the process did not end")
    );
    assert_eq!(rest(stream).await, []);
}

#[tokio::test]
async fn a_snapshot_of_9_012_subtasks_comes_in_chunks_far_below_grpcs_4_mib() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 3, 1_000).await;
    let accepted = kit.stop(cluster.id).await;
    assert_eq!(accepted.subtasks.len(), 9_012);
    let mut stream = watch(&kit, accepted.id, None).await.unwrap();
    let (task, chunks) = snapshot(&mut stream).await;
    assert_eq!(chunks, 181, "50 a chunk");
    assert_eq!(task, accepted);
}

#[tokio::test]
async fn revisions_that_are_none_are_refused() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let beyond = watch(&kit, task.id, Some(task.revision + 1)).await;
    let details = refused(
        beyond.map(drop),
        Code::OutOfRange,
        "REVISION_OUT_OF_RANGE",
        0,
    );
    let last = &details.error_info().unwrap().metadata["last_revision"];
    assert_eq!(*last, task.revision.to_string());

    let negative = watch(&kit, task.id, Some(-1)).await;
    let details = refused(
        negative.map(drop),
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
        0,
    );
    assert_eq!(fields(&details), ["after_revision"]);
    let unknown = watch(&kit, 7, None).await;
    refused(unknown.map(drop), Code::NotFound, "TASK_NOT_FOUND", 4001);
}

#[tokio::test]
async fn a_drain_says_where_to_resume() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let mut stream = watch(&kit, task.id, Some(0)).await.unwrap();
    let first = stream.next().await.unwrap().unwrap().event.unwrap();
    let WatchEvent::Changes(first) = first else {
        panic!("{first:?} instead of changes");
    };
    assert_eq!(first.changes.len(), 2);
    // What is committed before the drain is still told.
    let root = kit.store.candidates("host1", &[], 1).await.unwrap().ready[0].1;
    let claim = Event::Claim {
        subtasks: vec![root],
    };
    let committed = kit
        .store
        .commit(TaskId(task.id), claim, claimant(), None)
        .await
        .unwrap();
    kit.drain.cancel();

    let mut sent = 2;
    let end = loop {
        match stream.next().await.unwrap() {
            Ok(message) => match message.event.unwrap() {
                WatchEvent::Changes(changes) => sent += changes.changes.len() as i64,
                other => panic!("{other:?} instead of changes"),
            },
            Err(end) => break end,
        }
    };
    assert_eq!(sent, committed.task.revision);
    assert_eq!(
        end.message(),
        format!("draining; resume with after_revision={sent}")
    );
    let details = refused(Err::<(), _>(end), Code::Unavailable, "DRAINING", 0);
    assert_eq!(
        details.error_info().unwrap().metadata["after_revision"],
        sent.to_string()
    );
    assert!(details.retry_info().is_some());
}

#[tokio::test]
async fn many_watchers_see_each_revision_once() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 2, 3).await;
    let task = kit.stop(cluster.id).await;
    let mut streams = Vec::new();
    for number in 0..200 {
        // Every third from the beginning, every third behind what there is, every third with a snapshot.
        let after = [Some(0), Some(task.revision), None][number % 3];
        streams.push((after, watch(&kit, task.id, after).await.unwrap()));
    }
    let watching = streams.into_iter().map(|(after, mut stream)| async move {
        let after = match after {
            Some(after) => after,
            None => snapshot(&mut stream).await.0.revision,
        };
        let changes = rest(stream).await;
        let revisions: Vec<_> = changes.iter().map(|c| c.revision).collect();
        (after, revisions)
    });
    let ((), seen) = futures::join!(kit.run(task.id, None), futures::future::join_all(watching));
    let last = get(&kit, task.id).await.revision;
    for (after, revisions) in seen {
        assert_eq!(revisions, Vec::from_iter(after + 1..=last));
    }
}

#[tokio::test]
async fn whoever_reads_late_misses_nothing() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 40).await;
    let task = kit.stop(cluster.id).await;
    let mut late = watch(&kit, task.id, None).await.unwrap();
    let (seen, _) = snapshot(&mut late).await;
    // More commits than a feed keeps, each taken by somebody who reads at once.
    let prompt = watch(&kit, task.id, Some(0)).await.unwrap();
    let ((), prompt) = futures::join!(kit.run(task.id, None), rest(prompt));
    let revisions = |changes: &[pb::TaskChange]| -> Vec<i64> {
        changes.iter().map(|change| change.revision).collect()
    };
    let last = get(&kit, task.id).await.revision;
    assert_eq!(revisions(&prompt), Vec::from_iter(1..=last));
    let late = rest(late).await;
    assert_eq!(revisions(&late), Vec::from_iter(seen.revision + 1..=last));
}

#[tokio::test]
async fn a_task_that_goes_on_after_its_end_is_watched_again() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let first = watch(&kit, task.id, Some(0)).await.unwrap();
    let failing = kit.run(task.id, Some(SubtaskKind::StopObserverProcess));
    let ((), first) = futures::join!(failing, rest(first));
    let seen = first.last().unwrap().revision;
    let retry = kit.store.command(TaskId(task.id), Event::RetryTask, None);
    retry.await.unwrap();
    let again = watch(&kit, task.id, Some(seen)).await.unwrap();
    let ((), again) = futures::join!(kit.run(task.id, None), rest(again));
    let ended = get(&kit, task.id).await;
    assert_eq!(ended.status(), pb::TaskStatus::Successful);
    let revisions: Vec<_> = again.iter().map(|c| c.revision).collect();
    assert_eq!(revisions, Vec::from_iter(seen + 1..=ended.revision));
}

#[tokio::test]
async fn a_watch_that_begins_in_a_drain_is_sent_on_at_once() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    kit.drain.cancel();
    let mut stream = watch(&kit, task.id, None).await.unwrap();
    snapshot(&mut stream).await;
    let end = stream.next().await.unwrap();
    let details = refused(end.map(drop), Code::Unavailable, "DRAINING", 0);
    let after = &details.error_info().unwrap().metadata["after_revision"];
    assert_eq!(*after, task.revision.to_string());
}
