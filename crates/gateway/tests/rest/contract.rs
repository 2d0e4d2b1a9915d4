//! Every documented call as a strict client of OCP's takes it: each answer's members, their types and its edges
//! against `contract.json`, which has the shapes that the manual documents.
//!
//! In a shape, `name?` may be absent, `-name` is documented but never given by us, `=A|B` is one of these words,
//! and a capitalised word is another shape.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use slacktide_api::v1::{Cluster, Task};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    clusters::cluster,
    scripted::Script,
    socket::Socket,
    stop::seed_task,
    support::{Answer, assert_keys_sorted, assert_timestamp},
    tasks::task,
};

const NOTHING: &str = "";

/// Each documented call with the shape of its data.
const CALLS: [(&str, &str); 25] = [
    ("POST /api/v2/ob/clusters/21/stop", "BegunTask"),
    ("POST /api/v2/ob/clusters/21/start", "BegunTask"),
    ("POST /api/v2/ob/clusters/21/restart", "BegunTask"),
    (
        "POST /api/v2/ob/clusters/21/zones/zone1/stop",
        "TaskInstance",
    ),
    (
        "POST /api/v2/ob/clusters/21/zones/zone1/start",
        "TaskInstance",
    ),
    (
        "POST /api/v2/ob/clusters/21/zones/zone1/restart",
        "TaskInstance",
    ),
    ("POST /api/v2/ob/clusters/21/servers/5/stop", "BegunTask"),
    ("POST /api/v2/ob/clusters/21/servers/5/start", "BegunTask"),
    (
        "POST /api/v2/ob/clusters/21/servers/5/restart",
        "TaskInstance",
    ),
    ("GET /api/v2/ob/clusters", "ClusterPage"),
    ("GET /api/v2/ob/clusters/21", "ObCluster"),
    ("GET /api/v2/ob/clusters/21/zones", "ZoneList"),
    ("GET /api/v2/ob/clusters/21/servers", "ServerList"),
    (
        "GET /api/v2/ob/clusters/21/zones/zone1/servers",
        "ServerList",
    ),
    ("GET /api/v2/tasks/instances", "TaskPage"),
    ("GET /api/v2/tasks/instances/7", "WrappedTaskInstance"),
    (
        "POST /api/v2/tasks/instances/7/retry",
        "WrappedTaskInstance",
    ),
    (
        "POST /api/v2/tasks/instances/7/rollback",
        "WrappedTaskInstance",
    ),
    (
        "POST /api/v2/tasks/instances/7/cancel",
        "WrappedTaskInstance",
    ),
    ("GET /api/v2/tasks/instances/7/subtasks/70/log", "Log"),
    (
        "POST /api/v2/tasks/instances/7/subtasks/70/retry",
        "SubtaskInstance",
    ),
    ("POST /api/v2/tasks/instances/7/subtasks/70/skip", NOTHING),
    ("POST /api/v2/tasks/instances/7/subtasks/70/cancel", NOTHING),
    (
        "GET /api/v2/tasks/instances?page=1&size=10&sort=id,desc",
        "TaskPage",
    ),
    (
        "GET /api/v2/ob/clusters?page=1&size=10&sort=name,asc",
        "ClusterPage",
    ),
];

/// A task and a cluster of which everything is known that ever is.
fn known() -> Script {
    let with_times = |mut cluster: Cluster| {
        cluster.update_time = cluster.create_time;
        for server in cluster.zones.iter_mut().flat_map(|zone| &mut zone.servers) {
            server.update_time = cluster.create_time;
        }
        cluster
    };
    Script {
        task: Task {
            context: seed_task().context,
            ..task()
        },
        clusters: vec![with_times(cluster())],
        total_size: 1,
        log: "line".to_owned(),
        ..Script::default()
    }
}

#[tokio::test]
async fn each_call_answers_in_the_documented_shape() {
    let shapes = Shapes::read();
    let socket = Socket::open(known()).await;
    for (line, shape) in CALLS {
        let answer = socket
            .send(line, &[("content-type", "application/json")], "")
            .await;
        assert_eq!(answer.status, 200, "{line}");
        let mut envelope = checked_envelope(&shapes, line, &answer);
        match envelope.remove("data") {
            Some(data) => {
                let found = shapes.check(line, shape, &data);
                assert_eq!(found, shapes.all_members(shape), "members of {line}");
                assert_edges(&data);
            }
            None => assert_eq!(shape, NOTHING, "{line} has no data"),
        }
    }
}

#[tokio::test]
async fn each_call_is_refused_in_the_documented_shape() {
    let shapes = Shapes::read();
    let mut details = ErrorDetails::with_error_info(
        "OPERATION_UNFINISHED",
        "slacktide",
        [
            ("ocp_code".to_owned(), "11020".to_owned()),
            ("active_task_id".to_owned(), "7".to_owned()),
        ],
    );
    details.add_bad_request_violation("minor_freeze", "needs an account");
    let fault = Status::with_error_details(Code::FailedPrecondition, "busy", details);
    let socket = Socket::open(Script {
        fault: Some(fault),
        ..known()
    })
    .await;
    for (line, _) in CALLS {
        let answer = socket.send(line, &[], "{}").await;
        assert_eq!(answer.status, 409, "{line}");
        let mut envelope = checked_envelope(&shapes, line, &answer);
        assert!(!envelope.contains_key("data"), "{line}");
        let error = envelope.remove("error").unwrap();
        let found = shapes.check(line, "Error", &error);
        assert_eq!(found, shapes.all_members("Error"), "members of {line}");
        assert_eq!(error["code"], 11020);
        assert_eq!(error["target"]["activeTaskId"], 7);
    }
}

/// What nobody knows yet is absent; what is empty is there.
#[tokio::test]
async fn what_is_unknown_is_absent_and_never_null() {
    let shapes = Shapes::read();
    let mut script = known();
    script.task.finish_time = None;
    for subtask in &mut script.task.subtasks {
        subtask.executor.clear();
        (subtask.start_time, subtask.finish_time) = (None, None);
    }
    let socket = Socket::open(script).await;
    for (line, shape) in CALLS.into_iter().filter(|(_, shape)| *shape != NOTHING) {
        let answer = socket.send(line, &[], "").await;
        let mut envelope = checked_envelope(&shapes, line, &answer);
        let data = envelope.remove("data").unwrap();
        let found = shapes.check(line, shape, &data);
        assert!(
            !found.iter().any(|member| member.ends_with("finishTime")),
            "{line}"
        );
    }
}

/// What is true of every answer, and the envelope's members but for `data` and `error`.
fn checked_envelope(shapes: &Shapes, line: &str, answer: &Answer) -> Map<String, Value> {
    // The text itself: sorted keys, no null.
    assert_keys_sorted(&answer.body);
    let text = std::str::from_utf8(&answer.body).unwrap();
    assert!(!text.contains("null"), "{line}: {text}");
    assert_eq!(answer.header("content-type"), "application/json", "{line}");
    let length = answer.body.len().to_string();
    assert_eq!(answer.header("content-length"), length, "{line}");
    let Value::Object(envelope) = serde_json::from_slice(&answer.body).unwrap() else {
        panic!("{line}: {text}");
    };
    let mut rest = envelope.clone();
    rest.remove("data");
    rest.remove("error");
    let found = shapes.check(line, "Envelope", &Value::Object(rest));
    assert_eq!(found, shapes.all_members("Envelope"), "envelope of {line}");
    assert_eq!(envelope["status"], answer.status.as_u16(), "{line}");
    assert_eq!(envelope["successful"], answer.status.is_success(), "{line}");
    assert_eq!(envelope["traceId"], answer.header("x-trace-id"), "{line}");
    envelope
}

/// Subtasks stand by id, and who is downstream of one has it upstream.
fn assert_edges(data: &Value) {
    let Some(subtasks) = data["tasks"].as_array().or(data["subtasks"].as_array()) else {
        return;
    };
    let ids = |value: &Value| -> BTreeSet<i64> {
        let ids = value.as_array().into_iter().flatten();
        ids.map(|id| id.as_i64().unwrap()).collect()
    };
    let order: Vec<_> = subtasks
        .iter()
        .map(|it| it["id"].as_i64().unwrap())
        .collect();
    assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    let edges = |from: &str| -> BTreeMap<i64, BTreeSet<i64>> {
        let each = subtasks.iter();
        each.map(|it| (it["id"].as_i64().unwrap(), ids(&it[from])))
            .collect()
    };
    let (up, down) = (edges("upstreams"), edges("downstreams"));
    for (id, downstreams) in &down {
        assert!(downstreams.iter().all(|it| up[it].contains(id)), "{id}");
    }
    for (id, upstreams) in &up {
        assert!(upstreams.iter().all(|it| down[it].contains(id)), "{id}");
    }
}

/// The documented shapes.
struct Shapes(Value);

impl Shapes {
    fn read() -> Self {
        Self(serde_json::from_str(include_str!("../contract.json")).unwrap())
    }

    /// Checks a value, and returns the paths of all members that it has.
    fn check(&self, call: &str, shape: &str, value: &Value) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let context = format!("{call}: {shape}");
        self.compare(&context, &self.0[shape], value, "", &mut found);
        found
    }

    /// The paths of all members that an answer with everything has.
    fn all_members(&self, shape: &str) -> BTreeSet<String> {
        let mut members = BTreeSet::new();
        self.collect(&self.0[shape], "", &mut members);
        members
    }

    fn collect(&self, shape: &Value, path: &str, members: &mut BTreeSet<String>) {
        match shape {
            Value::String(name) => {
                if let Some(shape) = self.0.get(name) {
                    self.collect(shape, path, members);
                }
            }
            Value::Array(items) => self.collect(&items[0], path, members),
            Value::Object(shape) => {
                for (name, shape) in shape {
                    if name.starts_with('-') || name == "*" {
                        continue;
                    }
                    let path = format!("{path}.{}", name.trim_end_matches('?'));
                    self.collect(shape, &path, members);
                    members.insert(path);
                }
            }
            other => panic!("no shape: {other}"),
        }
    }

    fn compare(
        &self,
        call: &str,
        shape: &Value,
        value: &Value,
        path: &str,
        found: &mut BTreeSet<String>,
    ) {
        match (shape, value) {
            (Value::String(name), value) => match self.0.get(name) {
                Some(shape) => self.compare(call, shape, value, path, found),
                None => assert!(is(name, value), "{call}{path} is {value}, not {name}"),
            },
            (Value::Array(shapes), Value::Array(items)) => {
                for item in items {
                    self.compare(call, &shapes[0], item, path, found);
                }
            }
            (Value::Object(shape), Value::Object(members)) => {
                if let Some(any) = shape.get("*") {
                    for value in members.values() {
                        self.compare(call, any, value, path, found);
                    }
                    return;
                }
                for name in shape
                    .keys()
                    .filter(|name| !name.starts_with('-') && !name.ends_with('?'))
                {
                    assert!(members.contains_key(name), "{call}{path}.{name} is missing");
                }
                for (name, value) in members {
                    let shape = shape.get(name).or_else(|| shape.get(&format!("{name}?")));
                    let path = format!("{path}.{name}");
                    let shape = shape.unwrap_or_else(|| panic!("{call}{path} is not documented"));
                    self.compare(call, shape, value, &path, found);
                    found.insert(path);
                }
            }
            _ => panic!("{call}{path} is {value}"),
        }
    }
}

/// Whether a value is of a plain type.
fn is(name: &str, value: &Value) -> bool {
    match name {
        "any" => true,
        "bool" => value.is_boolean(),
        "int" | "long" => value.is_i64(),
        "text" => value.as_str().is_some_and(|text| !text.is_empty()),
        "time" => {
            assert_timestamp(value);
            true
        }
        "trace" => value.as_str().is_some_and(|text| {
            text.len() == 16
                && text
                    .bytes()
                    .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
        }),
        "context" => value.as_str().is_some_and(|text| {
            text.starts_with("Context(parallelIdx=-1, stringMap={cluster_name=")
                && text.ends_with("]})")
        }),
        words => {
            let words = words
                .strip_prefix('=')
                .unwrap_or_else(|| panic!("no type: {words}"));
            value
                .as_str()
                .is_some_and(|word| words.split('|').any(|it| it == word))
        }
    }
}
