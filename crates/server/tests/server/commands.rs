//! Commands on tasks and subtasks: what each does, in which state, and what a repeated one gets.

mod refusals;

use slacktide_api::v1 as pb;
use slacktide_engine::{
    commit::Event,
    id::{SubtaskId, TaskId},
    kind::SubtaskKind,
    subtask::Subtask,
};
use tonic::{Code, Status};

use crate::kit::{Kit, claimant, fields, refused};

/// A command, and what it is called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Retry,
    Rollback,
    Cancel,
    RetrySubtask,
    SkipSubtask,
    CancelSubtask,
}

use Verb::*;

const ALL: [Verb; 6] = [
    Retry,
    Rollback,
    Cancel,
    RetrySubtask,
    SkipSubtask,
    CancelSubtask,
];

/// What a command answers with.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Task(Box<pb::Task>),
    Subtask(Box<pb::Subtask>),
}

macro_rules! on_task {
    ($client:ident, $method:ident, $request:ident, $id:expr, $key:expr) => {{
        let request = pb::$request {
            id: $id,
            request_id: $key.to_owned(),
            ..pb::$request::default()
        };
        let task = $client.$method(request).await?.into_inner().task;
        Answer::Task(Box::new(task.unwrap()))
    }};
}

macro_rules! on_subtask {
    ($client:ident, $method:ident, $request:ident, $on:expr, $key:expr) => {{
        let request = pb::$request {
            task_id: $on.0,
            subtask_id: $on.1,
            request_id: $key.to_owned(),
        };
        let subtask = $client.$method(request).await?.into_inner().subtask;
        Answer::Subtask(Box::new(subtask.unwrap()))
    }};
}

async fn ask_as(
    kit: &Kit,
    user: &str,
    verb: Verb,
    on: (i64, i64),
    key: &str,
) -> Result<Answer, Status> {
    let mut client = kit.tasks(user);
    Ok(match verb {
        Retry => on_task!(client, retry_task, RetryTaskRequest, on.0, key),
        Rollback => on_task!(client, rollback_task, RollbackTaskRequest, on.0, key),
        Cancel => on_task!(client, cancel_task, CancelTaskRequest, on.0, key),
        RetrySubtask => on_subtask!(client, retry_subtask, RetrySubtaskRequest, on, key),
        SkipSubtask => on_subtask!(client, skip_subtask, SkipSubtaskRequest, on, key),
        CancelSubtask => on_subtask!(client, cancel_subtask, CancelSubtaskRequest, on, key),
    })
}

async fn ask(kit: &Kit, verb: Verb, on: (i64, i64)) -> Result<Answer, Status> {
    ask_as(kit, "mona", verb, on, "").await
}

async fn get(kit: &Kit, id: i64) -> pb::Task {
    let request = pb::GetTaskRequest { id, view: 0 };
    let read = kit.tasks("vera").get_task(request).await;
    read.unwrap().into_inner().task.unwrap()
}

async fn cluster(kit: &Kit, id: i64) -> pb::Cluster {
    let request = pb::GetClusterRequest { id };
    let read = kit.clusters("vera").get_cluster(request).await;
    read.unwrap().into_inner().cluster.unwrap()
}

fn find(task: &pb::Task, status: pb::SubtaskStatus) -> &pb::Subtask {
    let mut subtasks = task.subtasks.iter();
    subtasks.find(|s| s.status() == status).unwrap()
}

/// A stop that failed: the cluster, the task, and its first failed subtask.
async fn failed_stop(kit: &Kit, name: &str) -> (i64, (i64, i64)) {
    let cluster = kit.register(name, 1, 2).await;
    let task = kit.stop(cluster.id).await;
    kit.run(task.id, Some(SubtaskKind::StopObserverProcess))
        .await;
    let failed = get(kit, task.id).await;
    assert_eq!(failed.status(), pb::TaskStatus::Failed);
    let subtask = find(&failed, pb::SubtaskStatus::Failed).id;
    (cluster.id, (task.id, subtask))
}

/// A stop whose first run that is not folded into a commit is under way.
async fn running_stop(kit: &Kit, name: &str) -> ((i64, i64), Vec<Subtask>) {
    let cluster = kit.register(name, 1, 2).await;
    let task = kit.stop(cluster.id).await.id;
    let runs = kit.claim(TaskId(task)).await;
    ((task, runs[0].id.0), runs)
}

#[tokio::test]
async fn a_failed_task_goes_on_when_it_is_retried() {
    let kit = Kit::new().await;
    let (id, on) = failed_stop(&kit, "ob_demo").await;
    let Answer::Task(task) = ask(&kit, Retry, on).await.unwrap() else {
        panic!("no task");
    };
    assert_eq!(
        (task.status(), task.operation()),
        (pb::TaskStatus::Running, pb::Operation::Retry)
    );
    assert_eq!(task.error, "");
    let retried = task
        .subtasks
        .iter()
        .filter(|s| s.operation() == pb::Operation::Retry);
    let retried: Vec<_> = retried.map(|s| (s.status(), s.run_time)).collect();
    assert_eq!(retried, [(pb::SubtaskStatus::Ready, 2); 2]);
    kit.run(task.id, None).await;
    assert_eq!(
        get(&kit, task.id).await.status(),
        pb::TaskStatus::Successful
    );
    assert_eq!(cluster(&kit, id).await.status(), pb::ClusterStatus::Stopped);
}

#[tokio::test]
async fn a_failed_task_is_undone_when_it_is_rolled_back() {
    let kit = Kit::new().await;
    let (id, on) = failed_stop(&kit, "ob_demo").await;
    let Answer::Task(task) = ask(&kit, Rollback, on).await.unwrap() else {
        panic!("no task");
    };
    assert_eq!(task.operation(), pb::Operation::Rollback);
    kit.run(task.id, None).await;
    let ended = get(&kit, task.id).await;
    assert_eq!(
        (ended.status(), ended.operation()),
        (pb::TaskStatus::Successful, pb::Operation::Rollback)
    );
    assert!(
        ended
            .subtasks
            .iter()
            .all(|s| s.status() == pb::SubtaskStatus::Pending)
    );
    let cluster = cluster(&kit, id).await;
    assert_eq!(
        (cluster.status(), cluster.active_task_id),
        (pb::ClusterStatus::Running, None)
    );
}

#[tokio::test]
async fn one_subtask_is_retried_and_another_is_skipped() {
    let kit = Kit::new().await;
    let (id, on) = failed_stop(&kit, "ob_demo").await;
    let Answer::Subtask(retried) = ask(&kit, RetrySubtask, on).await.unwrap() else {
        panic!("no subtask");
    };
    assert_eq!(
        (retried.id, retried.status()),
        (on.1, pb::SubtaskStatus::Ready)
    );
    assert_eq!(
        (retried.operation(), &*retried.zone_name),
        (pb::Operation::Retry, "zone1")
    );
    let running = get(&kit, on.0).await;
    let other = find(&running, pb::SubtaskStatus::Failed).id;
    let Answer::Subtask(skipped) = ask(&kit, SkipSubtask, (on.0, other)).await.unwrap() else {
        panic!("no subtask");
    };
    assert_eq!(
        (skipped.id, skipped.operation()),
        (other, pb::Operation::Skip)
    );
    kit.run(on.0, None).await;
    assert_eq!(get(&kit, on.0).await.status(), pb::TaskStatus::Successful);
    assert_eq!(cluster(&kit, id).await.active_task_id, None);
}

#[tokio::test]
async fn a_canceled_task_starts_nothing_more() {
    let kit = Kit::new().await;
    let (on, runs) = running_stop(&kit, "ob_demo").await;
    let Answer::Task(task) = ask(&kit, Cancel, on).await.unwrap() else {
        panic!("no task");
    };
    let canceling = task
        .subtasks
        .iter()
        .filter(|s| s.status() == pb::SubtaskStatus::Canceling);
    assert_eq!(canceling.count(), runs.len());
    for run in runs {
        kit.finish(on.0, run.id, run.epoch).await;
    }
    let ended = get(&kit, on.0).await;
    assert_eq!(ended.status(), pb::TaskStatus::Failed);
    assert!(
        ended
            .subtasks
            .iter()
            .all(|s| s.status() != pb::SubtaskStatus::Ready)
    );
    ask(&kit, Retry, on).await.unwrap();
    kit.run(on.0, None).await;
    assert_eq!(get(&kit, on.0).await.status(), pb::TaskStatus::Successful);
}

#[tokio::test]
async fn a_canceled_subtask_ends_failed_whatever_came_of_it() {
    let kit = Kit::new().await;
    let (on, runs) = running_stop(&kit, "ob_demo").await;
    let Answer::Subtask(canceled) = ask(&kit, CancelSubtask, on).await.unwrap() else {
        panic!("no subtask");
    };
    assert_eq!(canceled.status(), pb::SubtaskStatus::Canceling);
    kit.finish(on.0, SubtaskId(on.1), runs[0].epoch).await;
    let ended = get(&kit, on.0).await;
    let ended = ended.subtasks.iter().find(|s| s.id == on.1).unwrap();
    assert_eq!(
        (ended.status(), ended.operation()),
        (pb::SubtaskStatus::Failed, pb::Operation::Cancel)
    );
}

#[tokio::test]
async fn a_command_is_carried_out_once_for_each_key() {
    let kit = Kit::new().await;
    for (verb, name) in ALL.into_iter().zip(["a", "b", "c", "d", "e", "f"]) {
        let on = match verb {
            Cancel | CancelSubtask => running_stop(&kit, name).await.0,
            _ => failed_stop(&kit, name).await.1,
        };
        ask_as(&kit, "mona", verb, on, "once").await.unwrap();
        let revision = get(&kit, on.0).await.revision;
        if verb != Cancel {
            // By now the state refuses it.
            ask(&kit, verb, on).await.unwrap_err();
        }
        ask_as(&kit, "mona", verb, on, "once").await.unwrap();
        assert_eq!(get(&kit, on.0).await.revision, revision, "{verb:?}");
        let other = ask_as(&kit, "mona", verb, (on.0 + 1, on.1), "once").await;
        let details = refused(other, Code::AlreadyExists, "REQUEST_ID_REUSED", 1005);
        assert_eq!(fields(&details), ["request_id"]);
    }
}

#[tokio::test]
async fn a_command_many_times_at_once_is_carried_out_once() {
    let kit = Kit::new().await;
    let (_, on) = failed_stop(&kit, "ob_demo").await;
    let commands = (0..8).map(|_| ask_as(&kit, "mona", Retry, on, "once"));
    let answers = futures::future::join_all(commands).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let retried = get(&kit, on.0).await;
    assert_eq!(find(&retried, pb::SubtaskStatus::Ready).run_time, 2);
    let again = ask(&kit, Retry, on).await;
    refused(again, Code::FailedPrecondition, "TASK_STATE", 4007);
}

#[tokio::test]
async fn a_command_that_is_refused_is_not_remembered() {
    let kit = Kit::new().await;
    let (on, runs) = running_stop(&kit, "ob_demo").await;
    ask_as(&kit, "mona", Retry, on, "later").await.unwrap_err();
    let cancel = Event::CancelTask;
    kit.store.command(TaskId(on.0), cancel, None).await.unwrap();
    for run in runs {
        kit.finish(on.0, run.id, run.epoch).await;
    }
    ask_as(&kit, "mona", Retry, on, "later").await.unwrap();
    let claimed = kit.claim(TaskId(on.0)).await;
    assert!(!claimed.is_empty(), "{:?}", claimant());
}

#[tokio::test]
async fn faults_of_a_command_name_their_fields() {
    let kit = Kit::new().await;
    let request = pb::RollbackTaskRequest {
        id: 1,
        request_id: "\u{e9}".to_owned(),
        view: 9,
    };
    let answer = kit.tasks("mona").rollback_task(request).await;
    let details = refused(answer, Code::InvalidArgument, "INVALID_ARGUMENT", 0);
    assert_eq!(fields(&details), ["request_id", "view"]);
}
