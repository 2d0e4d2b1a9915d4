//! GetSubtaskLog and WatchSubtaskLog.

use futures::StreamExt as _;
use slacktide_api::v1 as pb;
use slacktide_engine::{id::TaskId, kind::SubtaskKind, subtask::Subtask};
use slacktide_store::{LogLine, clock};
use tonic::{Code, Status, Streaming};

use crate::kit::{Kit, refused};

#[tokio::test]
async fn a_log_begins_with_its_run() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let read = async |task_id: i64, subtask_id: i64| {
        let request = pb::GetSubtaskLogRequest {
            task_id,
            subtask_id,
        };
        let answer = kit.tasks("vera").get_subtask_log(request).await;
        answer.map(|answer| answer.into_inner().log)
    };
    let root = task.subtasks[0].id;
    assert_eq!(read(task.id, root).await.unwrap(), "", "nothing ran yet");
    kit.run(task.id, None).await;
    let log = read(task.id, root).await.unwrap();
    assert!(log.starts_with("############{EXECUTE}{"), "{log}");
    assert!(
        log.lines().next().unwrap().ends_with("}############"),
        "{log}"
    );
    assert_eq!(log.lines().count(), 2, "{log}");

    refused(
        read(task.id, root + 1000).await,
        Code::NotFound,
        "SUBTASK_NOT_FOUND",
        4001,
    );
    refused(read(7, root).await, Code::NotFound, "TASK_NOT_FOUND", 4001);
}

/// A run that is under way, its log begun with its head.
async fn begun(kit: &Kit) -> (i64, Subtask) {
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await.id;
    let run = kit.claim(TaskId(task)).await.remove(0);
    write(kit, &run, 0, &["EXECUTE", "looking"]).await;
    (task, run)
}

async fn write(kit: &Kit, run: &Subtask, seq: i64, lines: &[&str]) {
    let line = |text: &&str| LogLine {
        time: clock::now(),
        text: (*text).to_owned(),
    };
    let lines = lines.iter().map(line).collect();
    let written = kit.store.append_log(run.id, run.epoch, seq, lines);
    written.await.unwrap();
}

type Log = Streaming<pb::WatchSubtaskLogResponse>;

async fn follow(kit: &Kit, task_id: i64, subtask_id: i64) -> Result<Log, Status> {
    let request = pb::WatchSubtaskLogRequest {
        task_id,
        subtask_id,
    };
    let answer = kit.tasks("vera").watch_subtask_log(request).await?;
    Ok(answer.into_inner())
}

/// The next lines, without their times.
async fn next(log: &mut Log) -> Vec<String> {
    let lines = log.next().await.unwrap().unwrap().lines;
    lines.iter().map(|line| text(line)).collect()
}

fn text(line: &str) -> String {
    let text = line.split_once(' ').map_or("head", |(_, text)| text);
    text.to_owned()
}

#[tokio::test]
async fn a_log_is_followed_as_it_grows_and_to_its_end() {
    let kit = Kit::new().await;
    let (task, run) = begun(&kit).await;
    let mut log = follow(&kit, task, run.id.0).await.unwrap();
    assert_eq!(next(&mut log).await, ["head", "looking"]);
    write(&kit, &run, 2, &["found it", "stopping"]).await;
    assert_eq!(next(&mut log).await, ["found it", "stopping"]);
    write(&kit, &run, 4, &["gone"]).await;
    kit.finish(task, run.id, run.epoch).await;
    assert_eq!(next(&mut log).await, ["gone"]);
    assert!(log.next().await.is_none(), "its run has ended");

    let again = follow(&kit, task, run.id.0).await.unwrap();
    let lines = again.map(|message| message.unwrap().lines);
    let lines: Vec<_> = lines.collect::<Vec<_>>().await.concat();
    assert_eq!(lines.len(), 5, "all of it, at once");
}

#[tokio::test]
async fn a_long_log_comes_in_parts() {
    let kit = Kit::new().await;
    let (task, run) = begun(&kit).await;
    let many: Vec<_> = (0..450).map(|number| number.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    write(&kit, &run, 2, &many).await;
    let mut log = follow(&kit, task, run.id.0).await.unwrap();
    let parts = [
        next(&mut log).await,
        next(&mut log).await,
        next(&mut log).await,
    ];
    assert_eq!(parts.each_ref().map(Vec::len), [200, 200, 52]);
    assert_eq!(parts.concat()[2..], many);
}

#[tokio::test]
async fn a_log_that_is_followed_ends_with_a_drain() {
    let kit = Kit::new().await;
    let (task, run) = begun(&kit).await;
    let mut log = follow(&kit, task, run.id.0).await.unwrap();
    next(&mut log).await;
    write(&kit, &run, 2, &["last words"]).await;
    kit.drain.cancel();
    assert_eq!(
        next(&mut log).await,
        ["last words"],
        "told before the drain"
    );
    let end = log.next().await.unwrap();
    let details = refused(end, Code::Unavailable, "DRAINING", 0);
    assert!(details.retry_info().is_some());
}

#[tokio::test]
async fn no_log_is_followed_beyond_a_rollback() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let failing = Some(SubtaskKind::StopObserverProcess);
    kit.run(task.id, failing).await;
    let rollback = pb::RollbackTaskRequest {
        id: task.id,
        ..Default::default()
    };
    kit.tasks("mona").rollback_task(rollback).await.unwrap();
    kit.run(task.id, failing).await;
    let name = SubtaskKind::StopObserverProcess.name();
    let skipped = task.subtasks.iter().find(|one| one.name == name).unwrap();
    let never_ran = task.subtasks.iter().find(|one| one.downstreams.is_empty());
    let pending = follow(&kit, task.id, never_ran.unwrap().id).await.unwrap();

    let skip = pb::SkipSubtaskRequest {
        task_id: task.id,
        subtask_id: skipped.id,
        ..Default::default()
    };
    kit.tasks("mona").skip_subtask(skip).await.unwrap();
    let passed_over = follow(&kit, task.id, skipped.id).await.unwrap();
    kit.run(task.id, None).await;
    for log in [passed_over, pending] {
        let told: Vec<_> = log.collect().await;
        assert!(told.iter().all(Result::is_ok), "ended well: {told:?}");
    }
}

#[tokio::test]
async fn what_is_unknown_has_no_log_to_follow() {
    let kit = Kit::new().await;
    let (task, run) = begun(&kit).await;
    let unknown = follow(&kit, 77, run.id.0).await.map(drop);
    refused(unknown, Code::NotFound, "TASK_NOT_FOUND", 4001);
    let unknown = follow(&kit, task, run.id.0 + 1000).await.map(drop);
    refused(unknown, Code::NotFound, "SUBTASK_NOT_FOUND", 4001);
}
