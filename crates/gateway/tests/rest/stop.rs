//! The documented call, against the contract's own example.

use prost_types::Timestamp;
use serde_json::{Value, json};
use slacktide_api::v1::{
    Operation, StopMode, StringList, Subtask, SubtaskStatus, Task, TaskCluster, TaskContext,
    TaskCreator, TaskStatus, TaskView,
};

use crate::{
    scripted::Script,
    support::{Rest, assert_keys_sorted, millis, request},
};

const STOP: &str = "/api/v2/ob/clusters/21/stop";

fn seed() -> Value {
    serde_json::from_str(include_str!("../seed.json")).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ids(value: &Value) -> Vec<i64> {
    let ids = value.as_array().unwrap().iter();
    ids.map(|id| id.as_i64().unwrap()).collect()
}

/// The example's task, as the server would say it, with more than REST may show.
pub(crate) fn seed_task() -> Task {
    let data = &seed()["data"];
    let string = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let list = |key: &str, value: &str| {
        let values = vec![value.to_owned()];
        (key.to_owned(), StringList { values })
    };
    let subtask = |subtask: &Value| Subtask {
        id: subtask["id"].as_i64().unwrap(),
        name: text(&subtask["name"]),
        description: text(&subtask["description"]),
        status: SubtaskStatus::from_str_name(&format!(
            "SUBTASK_STATUS_{}",
            text(&subtask["status"])
        ))
        .unwrap()
        .into(),
        operation: Operation::Execute.into(),
        upstreams: ids(&subtask["upstreams"]),
        downstreams: ids(&subtask["downstreams"]),
        executor: "10.0.0.1".to_owned(),
        run_time: 1,
        ..Subtask::default()
    };
    let start_millis = millis(&data["startTime"]);
    Task {
        id: data["id"].as_i64().unwrap(),
        name: text(&data["name"]),
        status: TaskStatus::Running.into(),
        operation: Operation::Execute.into(),
        cluster: Some(TaskCluster {
            id: 21,
            name: "ob_upgrade".to_owned(),
            ob_cluster_id: 22,
        }),
        creator: Some(TaskCreator {
            id: 100,
            name: "admin".to_owned(),
        }),
        context: Some(TaskContext {
            parallel_idx: -1,
            string_map: [
                string("cluster_id", "21"),
                string("cluster_name", "ob_upgrade"),
                string("former_cluster_status", "RUNNING"),
            ]
            .into(),
            list_map: [list("zone_names", "zone1"), list("server_ids", "5")].into(),
        }),
        start_time: Some(Timestamp {
            seconds: start_millis / 1000,
            nanos: i32::try_from(start_millis % 1000).unwrap() * 1_000_000,
        }),
        subtasks: data["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(subtask)
            .collect(),
        executor: "10.0.0.1".to_owned(),
        task_definition_id: -1,
        ..Task::default()
    }
}

fn rest() -> Rest {
    Rest::new(Script {
        task: seed_task(),
        ..Script::default()
    })
}

#[tokio::test]
async fn the_answer_is_the_documented_one() {
    let answer = rest().post(STOP, "").await;
    assert_keys_sorted(&answer.body);

    let (mut got, mut seed) = (answer.envelope(), seed());
    assert_eq!(
        millis(&got["data"]["startTime"].take()),
        millis(&seed["data"]["startTime"].take())
    );
    assert_eq!(got["data"], seed["data"]);
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&got), keys(&seed));
}

#[tokio::test]
async fn a_plain_stop_asks_for_the_whole_task_and_nothing_else() {
    for body in ["", "{}", r#"{"force": true, "comment": null}"#] {
        let rest = rest();
        assert_eq!(rest.post(STOP, body).await.status, 200, "{body}");
        let asked = rest.server.seen().stop.take().unwrap();
        assert_eq!(asked.id, 21);
        assert_eq!(asked.view(), TaskView::Full);
        assert_eq!(asked.mode(), StopMode::Unspecified);
        assert_eq!(asked.minor_freeze, None);
        assert!(!asked.validate_only);
        assert_eq!(asked.request_id, "");
    }
}

#[tokio::test]
async fn our_additions_reach_the_server() {
    let rest = rest();
    let body = json!({"mode": "IMMEDIATE", "minorFreeze": false, "validateOnly": true});
    let mut request = request(http::Method::POST, STOP, body.to_string());
    let headers = request.headers_mut();
    headers.insert("idempotency-key", "stop-21".parse().unwrap());
    headers.insert(
        "content-type",
        "application/json;charset=UTF-8".parse().unwrap(),
    );
    assert_eq!(rest.send(request).await.status, 200);

    let asked = rest.server.seen().stop.take().unwrap();
    assert_eq!(asked.mode(), StopMode::Immediate);
    assert_eq!(asked.minor_freeze, Some(false));
    assert!(asked.validate_only);
    assert_eq!(asked.request_id, "stop-21");
}

#[tokio::test]
async fn integers_that_json_readers_would_round_are_strings() {
    let mut task = seed_task();
    task.id = 9_007_199_254_740_993;
    let rest = Rest::new(Script {
        task,
        ..Script::default()
    });
    assert_eq!(rest.post(STOP, "").await.data()["id"], "9007199254740993");
}
