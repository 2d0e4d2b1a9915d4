//! Requests that the gateway itself can see to be wrong.

use http::Method;
use serde_json::json;

use crate::{
    scripted::Script,
    support::{Rest, request},
};

fn rest() -> Rest {
    Rest::new(Script::default())
}

#[tokio::test]
async fn an_id_that_is_no_long_is_named() {
    let overflowing = "9223372036854775808";
    for id in ["abc", "1.5", overflowing, "0x1", "1%20"] {
        let paths = [
            (Method::GET, format!("/api/v2/ob/clusters/{id}"), "id"),
            (Method::POST, format!("/api/v2/ob/clusters/{id}/stop"), "id"),
            (
                Method::GET,
                format!("/api/v2/tasks/instances/{id}"),
                "taskInstanceId",
            ),
            (
                Method::GET,
                format!("/api/v2/tasks/instances/1/subtasks/{id}/log"),
                "subtaskInstanceId",
            ),
        ];
        for (method, path, name) in paths {
            let answer = rest().send(request(method, &path, "")).await;
            assert_eq!(answer.status, 400, "{path}");
            let shown = id.replace("%20", " ");
            let message =
                format!("parameter {name} of value {shown} cannot be converted to type Long");
            assert_eq!(
                answer.error(),
                json!({
                    "code": 0,
                    "message": message,
                    "subErrors": [{"field": name, "message": message}],
                })
            );
        }
    }
}

#[tokio::test]
async fn a_long_that_names_nothing_is_the_servers_question() {
    for id in ["0", "-1", "9223372036854775807"] {
        let rest = rest();
        rest.post(&format!("/api/v2/ob/clusters/{id}/stop"), "")
            .await;
        let asked = rest.server.seen().stop.take().unwrap();
        assert_eq!(asked.id.to_string(), id);
    }
}

#[tokio::test]
async fn a_message_does_not_grow_with_what_it_repeats() {
    let id = "é".repeat(1000);
    let path: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer = rest().get(&format!("/api/v2/ob/clusters/{path}")).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.len() < 1000);
}

#[tokio::test]
async fn a_path_that_is_not_utf_8_is_refused() {
    let answer = rest().get("/api/v2/ob/clusters/%ff").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.error()["code"], 0);
}

#[tokio::test]
async fn query_parameters_that_cannot_be_taken_are_named() {
    let cases = [
        ("/api/v2/tasks/instances?clusterId=x", "clusterId", 0),
        ("/api/v2/tasks/instances?tenantId=x", "tenantId", 0),
        ("/api/v2/tasks/instances?hostId=x", "hostId", 0),
        ("/api/v2/tasks/instances?status=DONE", "status", 0),
        ("/api/v2/tasks/instances?type=AUTO", "type", 0),
        ("/api/v2/tasks/instances?sort=creator", "sort", 1011),
        ("/api/v2/ob/clusters?status=GONE", "status", 0),
        ("/api/v2/ob/clusters?sort=obVersion,desc", "sort", 1011),
    ];
    for (path, field, code) in cases {
        let answer = rest().get(path).await;
        assert_eq!(answer.status, 400, "{path}");
        let error = answer.error();
        assert_eq!(error["subErrors"][0]["field"], field, "{path}");
        assert_eq!(error["code"], code, "{path}");
    }
}

#[tokio::test]
async fn sign_in_comes_before_every_refusal() {
    let cases = [
        request(Method::GET, "/api/v2/ob/clusters/abc", ""),
        request(Method::GET, "/api/v2/tasks/instances?sort=x", ""),
        request(Method::POST, "/api/v2/ob/clusters/1/stop", "{"),
        request(
            Method::POST,
            "/api/v2/ob/clusters/1/stop",
            vec![b' '; 100_000],
        ),
    ];
    for request in cases {
        let path = request.uri().clone();
        let answer = rest().send_as_is(request).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.error()["code"], 3000);
        assert_eq!(
            answer.header("www-authenticate"),
            "Basic realm=\"slacktide\""
        );
    }
}

#[tokio::test]
async fn wrong_credentials_are_the_servers_to_refuse() {
    let rest = rest();
    let mut request = request(Method::POST, "/api/v2/ob/clusters/1/stop", "");
    let headers = request.headers_mut();
    headers.insert("authorization", "Basic bm9ib2R5Og==".parse().unwrap());
    assert_eq!(rest.send_as_is(request).await.status, 401);
    let seen = rest.server.seen();
    assert!(seen.stop.is_none());
    assert_eq!(
        seen.metadata.get("authorization").unwrap(),
        "Basic bm9ib2R5Og=="
    );
}
