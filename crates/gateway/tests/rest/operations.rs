//! The calls that begin a task on a cluster, a zone or a server.

use http::Method;
use serde_json::{Value, json};
use slacktide_api::v1::{
    RestartClusterRequest, RestartServerRequest, RestartZoneRequest, StartClusterRequest,
    StartServerRequest, StartZoneRequest, StopMode, StopServerRequest, StopZoneRequest, TaskView,
};

use crate::{
    scripted::Script,
    stop::seed_task,
    support::{Rest, assert_keys_sorted, request},
};

const CLUSTER: &str = "/api/v2/ob/clusters/21";

const FULL: i32 = TaskView::Full as i32;
const IMMEDIATE: i32 = StopMode::Immediate as i32;

/// Each call but the stop of a cluster, with what the server is asked.
fn calls() -> Vec<(&'static str, String)> {
    let zone_name = "zone 1".to_owned();
    let start_cluster = StartClusterRequest {
        id: 21,
        view: FULL,
        ..StartClusterRequest::default()
    };
    let restart_cluster = RestartClusterRequest {
        id: 21,
        view: FULL,
        ..RestartClusterRequest::default()
    };
    let stop_zone = StopZoneRequest {
        cluster_id: 21,
        zone_name: zone_name.clone(),
        view: FULL,
        ..StopZoneRequest::default()
    };
    let start_zone = StartZoneRequest {
        cluster_id: 21,
        zone_name: zone_name.clone(),
        view: FULL,
        ..StartZoneRequest::default()
    };
    let restart_zone = RestartZoneRequest {
        cluster_id: 21,
        zone_name,
        view: FULL,
        ..RestartZoneRequest::default()
    };
    let stop_server = StopServerRequest {
        cluster_id: 21,
        server_id: 5,
        view: FULL,
        ..StopServerRequest::default()
    };
    let start_server = StartServerRequest {
        cluster_id: 21,
        server_id: 5,
        view: FULL,
        ..StartServerRequest::default()
    };
    let restart_server = RestartServerRequest {
        cluster_id: 21,
        server_id: 5,
        view: FULL,
        ..RestartServerRequest::default()
    };
    vec![
        ("/start", format!("{start_cluster:?}")),
        ("/restart", format!("{restart_cluster:?}")),
        ("/zones/zone%201/stop", format!("{stop_zone:?}")),
        ("/zones/zone%201/start", format!("{start_zone:?}")),
        ("/zones/zone%201/restart", format!("{restart_zone:?}")),
        ("/servers/5/stop", format!("{stop_server:?}")),
        ("/servers/5/start", format!("{start_server:?}")),
        ("/servers/5/restart", format!("{restart_server:?}")),
    ]
}

fn rest() -> Rest {
    Rest::new(Script {
        task: seed_task(),
        ..Script::default()
    })
}

/// The request that reached the server, as it shows itself.
fn asked(rest: &Rest) -> String {
    rest.server.seen().change.take().unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    let members = value.as_object().unwrap();
    members.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn each_call_asks_for_its_own_operation() {
    for (path, expected) in calls() {
        for body in ["", "{}", r#"{"comment": null}"#] {
            let rest = rest();
            let answer = rest.post(&format!("{CLUSTER}{path}"), body).await;
            assert_eq!(answer.status, 200, "{path} {body}");
            assert_keys_sorted(&answer.body);
            assert_eq!(asked(&rest), expected, "{path} {body}");
        }
    }
}

#[tokio::test]
async fn the_older_calls_answer_in_the_older_shape() {
    for path in ["/start", "/restart", "/servers/5/stop", "/servers/5/start"] {
        let data = rest().post(&format!("{CLUSTER}{path}"), "").await.data();
        let expected = [
            "cluster",
            "context",
            "creator",
            "id",
            "name",
            "startTime",
            "status",
            "tasks",
        ];
        assert_eq!(keys(&data), expected, "{path}");
        assert!(data["context"].as_str().unwrap().starts_with("Context("));
    }
}

#[tokio::test]
async fn the_newer_calls_answer_with_a_task_instance() {
    for path in [
        "/zones/z/stop",
        "/zones/z/start",
        "/zones/z/restart",
        "/servers/5/restart",
    ] {
        let data = rest().post(&format!("{CLUSTER}{path}"), "").await.data();
        let expected = [
            "clusterId",
            "context",
            "creator",
            "executor",
            "id",
            "name",
            "operation",
            "prohibitRollback",
            "startTime",
            "status",
            "subtasks",
            "taskDefinitionId",
        ];
        assert_eq!(keys(&data), expected, "{path}");
        assert_eq!(
            (&data["clusterId"], &data["creator"]),
            (&json!(21), &json!("admin"))
        );
        assert_eq!(
            data["context"],
            json!({
                "listMap": {"server_ids": ["5"], "zone_names": ["zone1"]},
                "parallel": false,
                "parallelIdx": -1,
                "stringMap": {
                    "cluster_id": "21", "cluster_name": "ob_upgrade", "former_cluster_status": "RUNNING",
                },
            })
        );
        assert_eq!(data["subtasks"][0]["runTime"], 1);
        assert_eq!(data["subtasks"].as_array().unwrap().len(), 11);
    }
}

#[tokio::test]
async fn our_additions_reach_the_server_where_they_mean_something() {
    let rest = rest();
    let body =
        json!({"mode": "IMMEDIATE", "minorFreeze": true, "validateOnly": true, "maxParallel": 2});
    let path = format!("{CLUSTER}/zones/zone1/stop");
    let mut request = request(Method::POST, &path, body.to_string());
    let key = "once".parse().unwrap();
    request.headers_mut().insert("idempotency-key", key);
    assert_eq!(rest.send(request).await.status, 200);
    let expected = StopZoneRequest {
        cluster_id: 21,
        zone_name: "zone1".to_owned(),
        request_id: "once".to_owned(),
        validate_only: true,
        mode: IMMEDIATE,
        minor_freeze: Some(true),
        view: FULL,
        max_parallel: 2,
    };
    assert_eq!(asked(&rest), format!("{expected:?}"));
}

#[tokio::test]
async fn ocps_members_of_a_server_stop_are_understood() {
    let rest = rest();
    let body = json!({"force": true, "freezeServer": false, "type": "STOP_PROCESS"});
    let path = format!("{CLUSTER}/servers/5/stop");
    assert_eq!(rest.post(&path, body.to_string()).await.status, 200);
    let expected = StopServerRequest {
        cluster_id: 21,
        server_id: 5,
        mode: IMMEDIATE,
        minor_freeze: Some(false),
        view: FULL,
        ..StopServerRequest::default()
    };
    assert_eq!(asked(&rest), format!("{expected:?}"));
}

#[tokio::test]
async fn a_field_that_a_call_does_not_take_never_reaches_the_server() {
    for (path, body, field) in [
        ("/start", r#"{"mode": "GRACEFUL"}"#, "mode"),
        ("/start", r#"{"Validate_Only": true}"#, "Validate_Only"),
        ("/restart", r#"{"minorFreeze": true}"#, "minorFreeze"),
        ("/zones/z/start", r#"{"mode": "GRACEFUL"}"#, "mode"),
        ("/zones/z/stop", r#"{"maxParallel": -1}"#, "maxParallel"),
        ("/servers/5/start", r#"{"maxParallel": 1}"#, "maxParallel"),
        ("/servers/5/stop", r#"{"type": "STOP_SERVICE"}"#, "type"),
        ("/servers/5/stop?validateOnly=true", "", "validateOnly"),
    ] {
        let rest = rest();
        let answer = rest.post(&format!("{CLUSTER}{path}"), body).await;
        assert_eq!(answer.status, 400, "{path} {body}");
        assert_eq!(
            answer.error()["subErrors"][0]["field"],
            field,
            "{path} {body}"
        );
        assert!(rest.server.seen().change.is_none(), "{path} {body}");
    }
}

#[tokio::test]
async fn ids_in_these_paths_are_longs_too() {
    for (path, name) in [
        ("/api/v2/ob/clusters/x/start", "id"),
        ("/api/v2/ob/clusters/x/zones/z/stop", "id"),
        ("/api/v2/ob/clusters/1/servers/x/stop", "serverId"),
    ] {
        let answer = rest().post(path, "").await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.error()["subErrors"][0]["field"], name);
    }
    let wrong = rest().get("/api/v2/ob/clusters/1/zones/z/stop").await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.header("allow")),
        (405, "POST,OPTIONS")
    );
    let unknown = rest().post("/api/v2/ob/clusters/1/zones/z/shake", "").await;
    assert_eq!(unknown.status, 404);
}
