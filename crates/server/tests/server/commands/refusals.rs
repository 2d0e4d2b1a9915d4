//! Which command is refused in which state, and what is said of it.

use slacktide_api::v1 as pb;
use slacktide_engine::kind::SubtaskKind;
use tonic::Code;

use super::{
    ALL,
    Verb::{self, *},
    ask, ask_as, cluster, failed_stop, find, get, running_stop,
};
use crate::kit::{Kit, refused};

/// Checks that the state refuses each of these commands, naming what stands in the way.
async fn refusals(kit: &Kit, on: (i64, i64), expected: &[(Verb, &str)]) {
    for (verb, reason) in expected {
        let answer = ask(kit, *verb, on).await;
        assert!(answer.is_err(), "{verb:?} is accepted");
        let message = answer.as_ref().unwrap_err().message().to_owned();
        let details = refused(answer, Code::FailedPrecondition, reason, 4007);
        let metadata = &details.error_info().unwrap().metadata;
        let (key, id) = match *reason {
            "TASK_STATE" => ("task_id", on.0),
            _ => ("subtask_id", on.1),
        };
        assert_eq!(metadata[key], id.to_string());
        for named in [&id.to_string(), &metadata["status"]] {
            assert!(message.contains(named), "{message}");
        }
    }
}

#[tokio::test]
async fn a_running_task_is_not_retried_nor_rolled_back() {
    let kit = Kit::new().await;
    let (on, _) = running_stop(&kit, "ob_demo").await;
    let running = [
        (Retry, "TASK_STATE"),
        (Rollback, "TASK_STATE"),
        (RetrySubtask, "SUBTASK_STATE"),
        (SkipSubtask, "SUBTASK_STATE"),
    ];
    refusals(&kit, on, &running).await;
    let pending = find(&get(&kit, on.0).await, pb::SubtaskStatus::Pending).id;
    let of_pending = [
        (RetrySubtask, "SUBTASK_STATE"),
        (SkipSubtask, "SUBTASK_STATE"),
        (CancelSubtask, "SUBTASK_STATE"),
    ];
    refusals(&kit, (on.0, pending), &of_pending).await;
}

#[tokio::test]
async fn a_failed_task_is_not_canceled() {
    let kit = Kit::new().await;
    let (_, on) = failed_stop(&kit, "ob_demo").await;
    let failed = [(Cancel, "TASK_STATE"), (CancelSubtask, "SUBTASK_STATE")];
    refusals(&kit, on, &failed).await;
    let successful = find(&get(&kit, on.0).await, pb::SubtaskStatus::Successful).id;
    let of_successful = [
        (RetrySubtask, "SUBTASK_STATE"),
        (SkipSubtask, "SUBTASK_STATE"),
        (CancelSubtask, "SUBTASK_STATE"),
    ];
    refusals(&kit, (on.0, successful), &of_successful).await;
}

#[tokio::test]
async fn a_successful_task_takes_no_command() {
    let kit = Kit::new().await;
    let (_, on) = failed_stop(&kit, "ob_demo").await;
    ask(&kit, Retry, on).await.unwrap();
    kit.run(on.0, None).await;
    for verb in ALL {
        let answer = ask(&kit, verb, on).await;
        assert!(answer.is_err(), "{verb:?} is accepted");
        let status = answer.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{verb:?}");
    }
}

#[tokio::test]
async fn a_rollback_that_failed_is_not_retried_but_rolled_back_again() {
    let kit = Kit::new().await;
    let (id, on) = failed_stop(&kit, "ob_demo").await;
    ask(&kit, Rollback, on).await.unwrap();
    kit.run(on.0, Some(SubtaskKind::StopObserverProcess)).await;
    assert_eq!(get(&kit, on.0).await.status(), pb::TaskStatus::Failed);
    refusals(&kit, on, &[(Retry, "TASK_STATE")]).await;
    ask(&kit, Rollback, on).await.unwrap();
    kit.run(on.0, None).await;
    assert_eq!(get(&kit, on.0).await.status(), pb::TaskStatus::Successful);
    assert_eq!(cluster(&kit, id).await.status(), pb::ClusterStatus::Running);
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let kit = Kit::new().await;
    let (_, on) = failed_stop(&kit, "ob_demo").await;
    for verb in ALL {
        let answer = ask(&kit, verb, (77, on.1)).await;
        refused(answer, Code::NotFound, "TASK_NOT_FOUND", 4001);
    }
    for verb in [RetrySubtask, SkipSubtask, CancelSubtask] {
        let answer = ask(&kit, verb, (on.0, on.1 + 1000)).await;
        refused(answer, Code::NotFound, "SUBTASK_NOT_FOUND", 4001);
    }
}

#[tokio::test]
async fn whoever_may_only_read_commands_nothing() {
    let kit = Kit::new().await;
    let (_, on) = failed_stop(&kit, "ob_demo").await;
    for verb in ALL {
        for on in [on, (77, 78)] {
            let answer = ask_as(&kit, "vera", verb, on, "").await;
            refused(answer, Code::PermissionDenied, "PERMISSION_DENIED", 3100);
        }
    }
}
