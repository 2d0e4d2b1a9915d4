//! The calls that change a task, and the download of its diagnosis.

use http::Method;
use slacktide_api::v1::{
    CancelSubtaskRequest, CancelTaskRequest, DownloadDiagnosisRequest, RetrySubtaskRequest,
    RetryTaskRequest, RollbackTaskRequest, SkipSubtaskRequest, TaskView,
};

use crate::{
    scripted::Script,
    support::{Rest, assert_keys_sorted, request, send_broken},
    tasks::task,
};

const TASK: &str = "/api/v2/tasks/instances/7";

const FULL: i32 = TaskView::Full as i32;

fn rest() -> Rest {
    Rest::new(Script {
        task: task(),
        pieces: vec!["PK", "rest"],
        ..Script::default()
    })
}

fn asked(rest: &Rest) -> String {
    rest.server.seen().change.take().unwrap()
}

#[tokio::test]
async fn a_commanded_task_is_a_wrapped_task_instance() {
    let retry = RetryTaskRequest {
        id: 7,
        request_id: "once".to_owned(),
        view: FULL,
    };
    let rollback = RollbackTaskRequest {
        id: 7,
        request_id: "once".to_owned(),
        view: FULL,
    };
    let cancel = CancelTaskRequest {
        id: 7,
        request_id: "once".to_owned(),
        view: FULL,
    };
    let plain = rest().get(TASK).await.data();
    for (verb, expected) in [
        ("retry", format!("{retry:?}")),
        ("rollback", format!("{rollback:?}")),
        ("cancel", format!("{cancel:?}")),
    ] {
        let rest = rest();
        let mut request = request(Method::POST, &format!("{TASK}/{verb}"), "{}");
        let key = "once".parse().unwrap();
        request.headers_mut().insert("idempotency-key", key);
        let answer = rest.send(request).await;
        assert_keys_sorted(&answer.body);
        assert_eq!(answer.data(), plain, "{verb}");
        assert_eq!(asked(&rest), expected);
    }
}

#[tokio::test]
async fn a_retried_subtask_is_shown_and_one_that_is_skipped_or_canceled_is_not() {
    let ids = (7, 70);
    let retry = RetrySubtaskRequest {
        task_id: ids.0,
        subtask_id: ids.1,
        request_id: String::new(),
    };
    let skip = SkipSubtaskRequest {
        task_id: ids.0,
        subtask_id: ids.1,
        request_id: String::new(),
    };
    let cancel = CancelSubtaskRequest {
        task_id: ids.0,
        subtask_id: ids.1,
        request_id: String::new(),
    };
    let shown = rest().get(TASK).await.data()["subtasks"][0].clone();
    let retried = rest();
    let answer = retried.post(&format!("{TASK}/subtasks/70/retry"), "").await;
    assert_eq!(answer.data(), shown);
    assert_eq!(asked(&retried), format!("{retry:?}"));
    for (verb, expected) in [
        ("skip", format!("{skip:?}")),
        ("cancel", format!("{cancel:?}")),
    ] {
        let rest = rest();
        let answer = rest.post(&format!("{TASK}/subtasks/70/{verb}"), "").await;
        assert_eq!(answer.status, 200);
        assert_keys_sorted(&answer.body);
        let envelope: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(envelope["successful"], true);
        assert!(envelope.get("data").is_none(), "{verb}: {envelope}");
        assert_eq!(asked(&rest), expected);
    }
}

#[tokio::test]
async fn no_command_has_a_dry_run() {
    for path in [
        "retry",
        "rollback",
        "cancel",
        "subtasks/70/skip",
        "downloadDiagnosis",
    ] {
        let rest = rest();
        let body = r#"{"validateOnly": true}"#;
        let answer = rest.post(&format!("{TASK}/{path}"), body).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.error()["subErrors"][0]["field"], "validateOnly");
        assert!(rest.server.seen().change.is_none(), "{path}");
    }
}

#[tokio::test]
async fn a_diagnosis_is_passed_on_as_it_is() {
    let rest = rest();
    let answer = rest.post(&format!("{TASK}/downloadDiagnosis"), "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    // What is no part of a file's name is left out.
    let disposition = "attachment; filename=\"task_7.zip\"";
    assert_eq!(answer.header("content-disposition"), disposition);
    assert_eq!(answer.body, "PKrest");
    let expected = DownloadDiagnosisRequest { task_id: 7 };
    assert_eq!(asked(&rest), format!("{expected:?}"));
}

#[tokio::test]
async fn half_a_diagnosis_is_not_taken_for_a_whole_one() {
    let rest = Rest::new(Script {
        task: task(),
        pieces: vec!["PK", "broken"],
        ..Script::default()
    });
    let request = request(Method::POST, &format!("{TASK}/downloadDiagnosis"), "");
    assert!(
        send_broken(&rest, request).await,
        "the body ends as if all were there"
    );

    let rest = Rest::new(Script {
        pieces: vec!["broken"],
        ..Script::default()
    });
    let answer = rest.post(&format!("{TASK}/downloadDiagnosis"), "").await;
    assert_eq!(answer.status, 503, "a failure that comes first is told");
    answer.error();
}
