//! What becomes of the server's errors.

use std::{collections::HashMap, time::Duration};

use http::Method;
use serde_json::json;
use slacktide_gateway::Upstream;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::BoxError;

use crate::{
    scripted::Script,
    support::{Answer, Rest, assert_keys_sorted, gateway, request, send},
};

fn details(ocp_code: Option<&str>) -> ErrorDetails {
    let code = ocp_code.map(|code| ("ocp_code".to_owned(), code.to_owned()));
    let metadata: HashMap<_, _> = code.into_iter().collect();
    ErrorDetails::with_error_info("REASON", "slacktide", metadata)
}

async fn answer_to(fault: Status) -> Answer {
    let rest = Rest::new(Script {
        fault: Some(fault),
        ..Script::default()
    });
    rest.post("/api/v2/ob/clusters/21/stop", "").await
}

#[tokio::test]
async fn codes_become_http_statuses() {
    let cases = [
        (Code::InvalidArgument, None, 400, 0),
        (Code::OutOfRange, None, 400, 0),
        (Code::Unauthenticated, Some("3000"), 401, 3000),
        (Code::Unauthenticated, None, 401, 3000),
        (Code::PermissionDenied, Some("3100"), 403, 3100),
        (Code::PermissionDenied, None, 403, 3100),
        (Code::NotFound, Some("11001"), 404, 11001),
        (Code::NotFound, Some("4001"), 404, 4001),
        (Code::NotFound, Some("12002"), 404, 12002),
        (Code::NotFound, Some("13001"), 404, 13001),
        (Code::AlreadyExists, None, 409, 0),
        (Code::FailedPrecondition, Some("11007"), 409, 11007),
        (Code::FailedPrecondition, Some("11020"), 409, 11020),
        (Code::FailedPrecondition, Some("12004"), 409, 12004),
        (Code::FailedPrecondition, Some("13003"), 409, 13003),
        (Code::FailedPrecondition, Some("19020"), 409, 19020),
        (Code::FailedPrecondition, Some("4007"), 400, 4007),
        (Code::FailedPrecondition, Some("4009"), 400, 4009),
        (Code::FailedPrecondition, None, 409, 0),
        (Code::Aborted, Some("1005"), 409, 1005),
        (Code::ResourceExhausted, None, 429, 0),
        (Code::Unavailable, None, 503, 0),
        (Code::DeadlineExceeded, Some("1004"), 504, 1004),
        (Code::Cancelled, None, 504, 0),
        (Code::Unimplemented, None, 501, 1998),
    ];
    for (code, ocp_code, status, error_code) in cases {
        let fault = Status::with_error_details(code, "why and what to do", details(ocp_code));
        let answer = answer_to(fault).await;
        assert_eq!(answer.status, status, "{code:?}");
        assert_keys_sorted(&answer.body);
        assert_eq!(
            answer.error(),
            json!({"code": error_code, "message": "why and what to do"}),
            "{code:?}"
        );
    }
}

#[tokio::test]
async fn each_call_that_changes_something_passes_on_why_it_is_refused() {
    let (cluster, task) = ("/api/v2/ob/clusters/21", "/api/v2/tasks/instances/7");
    for (path, ocp_code, status) in [
        (format!("{cluster}/start"), 11007, 409),
        (format!("{cluster}/restart"), 11020, 409),
        (format!("{cluster}/zones/z/stop"), 12004, 409),
        (format!("{cluster}/zones/z/start"), 12004, 409),
        (format!("{cluster}/zones/z/restart"), 11020, 409),
        (format!("{cluster}/servers/5/stop"), 19020, 409),
        (format!("{cluster}/servers/5/start"), 13003, 409),
        (format!("{cluster}/servers/5/restart"), 13003, 409),
        (format!("{task}/retry"), 4007, 400),
        (format!("{task}/rollback"), 4007, 400),
        (format!("{task}/cancel"), 4007, 400),
        (format!("{task}/subtasks/70/retry"), 4007, 400),
        (format!("{task}/subtasks/70/skip"), 4007, 400),
        (format!("{task}/subtasks/70/cancel"), 4007, 400),
    ] {
        let code = ocp_code.to_string();
        let details = details(Some(&code));
        let fault = Status::with_error_details(Code::FailedPrecondition, "not so", details);
        let rest = Rest::new(Script {
            fault: Some(fault),
            ..Script::default()
        });
        let answer = rest.post(&path, "").await;
        assert_eq!(answer.status, status, "{path}");
        let expected = json!({"code": ocp_code, "message": "not so"});
        assert_eq!(answer.error(), expected, "{path}");
    }
    let missing = Status::with_error_details(Code::NotFound, "gone", details(Some("4001")));
    let rest = Rest::new(Script {
        fault: Some(missing),
        ..Script::default()
    });
    let answer = rest.post(&format!("{task}/downloadDiagnosis"), "").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.error()["code"]),
        (404, &json!(4001))
    );
}

#[tokio::test]
async fn the_inside_of_a_broken_server_stays_inside() {
    for code in [Code::Internal, Code::Unknown, Code::DataLoss] {
        let fault = Status::with_error_details(code, "no such table: task", details(None));
        let answer = answer_to(fault).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.error()["code"], 1999);
        let text = std::str::from_utf8(&answer.body).unwrap();
        assert!(!text.contains("table"), "{text}");
    }
}

#[tokio::test]
async fn a_conflict_names_the_task_that_is_in_the_way() {
    let mut details = ErrorDetails::with_error_info(
        "TASK_ACTIVE",
        "slacktide",
        [
            ("ocp_code".to_owned(), "11020".to_owned()),
            ("active_task_id".to_owned(), "107302".to_owned()),
            ("status".to_owned(), "STOPPING".to_owned()),
        ],
    );
    details.set_resource_info("cluster", "21", "", "");
    let fault = Status::with_error_details(Code::FailedPrecondition, "busy", details);
    let answer = answer_to(fault).await;
    assert_keys_sorted(&answer.body);
    assert_eq!(
        answer.error(),
        json!({
            "code": 11020,
            "message": "busy",
            "target": {
                "activeTaskId": 107_302,
                "resourceName": "21",
                "resourceType": "cluster",
                "status": "STOPPING",
            },
        })
    );
}

#[tokio::test]
async fn fields_are_named_as_rest_names_them() {
    let mut details = details(None);
    details.add_bad_request_violation("request_id", "must have at most 128 characters");
    details.add_bad_request_violation("minor_freeze", "needs an sql account");
    let fault = Status::with_error_details(Code::InvalidArgument, "two fields", details);
    let answer = answer_to(fault).await;
    assert_keys_sorted(&answer.body);
    assert_eq!(
        answer.error()["subErrors"],
        json!([
            {"field": "Idempotency-Key", "message": "must have at most 128 characters"},
            {"field": "minorFreeze", "message": "needs an sql account"},
        ])
    );
}

#[tokio::test]
async fn a_throttled_caller_is_told_when_to_come_back() {
    let mut details = details(None);
    details.set_retry_info(Some(Duration::from_millis(1_500)));
    let fault = Status::with_error_details(Code::ResourceExhausted, "slow down", details);
    assert_eq!(answer_to(fault).await.header("retry-after"), "2");
}

#[tokio::test]
async fn another_domains_details_are_not_ours() {
    let details = ErrorDetails::with_error_info(
        "REASON",
        "googleapis.com",
        [("ocp_code".to_owned(), "11020".to_owned())],
    );
    let fault = Status::with_error_details(Code::NotFound, "gone", details);
    assert_eq!(
        answer_to(fault).await.error(),
        json!({"code": 0, "message": "gone"})
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_unavailable() {
    // Nothing listens on port 1 of this machine.
    let channel = tonic::transport::Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let upstream = Upstream::new(tower::ServiceExt::map_err(channel, BoxError::from));
    let paths = ["/api/v2/info", "/api/v2/ob/clusters/abc"];
    for path in paths {
        let answer = send(&gateway(upstream.clone()), request(Method::GET, path, "")).await;
        assert_eq!(answer.status, 503, "{path}");
        let text = std::str::from_utf8(&answer.body).unwrap();
        assert!(
            !text.contains("127.0.0.1") && !text.contains("tcp"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_service_that_breaks_is_no_fault_of_the_caller() {
    let broken = tower::service_fn(|_| async { Err::<_, BoxError>("wires crossed".into()) });
    let answer = send(
        &gateway(Upstream::new(broken)),
        request(Method::GET, "/api/v2/info", ""),
    )
    .await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.error()["code"], 1999);
}

#[tokio::test]
async fn a_panic_is_answered() {
    let rest = Rest::new(Script {
        panics: true,
        ..Script::default()
    });
    let answer = rest.post("/api/v2/ob/clusters/21/stop", "").await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.error()["code"], 1999);
}

#[tokio::test]
async fn an_answer_without_its_resource_is_a_broken_server() {
    let answer = Rest::new(Script::default())
        .get("/api/v2/ob/clusters/21")
        .await;
    assert_eq!(answer.status, 500);
}
