//! The REST answers have the shape that OCP documents: names, order and kinds of their members.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use slacktide_tests::{Slacktide, simulated_cluster, simulated_driver, within};

const LIMIT: Duration = Duration::from_secs(60);

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .map(|object| object.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

/// `2026-01-31T08:15:00.123+08:00`: three fraction digits and a numeric offset.
fn is_timestamp(value: &Value) -> bool {
    let shape: String = value
        .as_str()
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    [
        "0000-00-00T00:00:00.000+00:00",
        "0000-00-00T00:00:00.000-00:00",
    ]
    .contains(&shape.as_str())
}

/// Every object's members stand in alphabetical order, and none is null.
fn assert_ordered(text: &str) -> Result<()> {
    // `Value` sorts members; written again it is the same text only if they were sorted before.
    let value: Value = serde_json::from_str(text)?;
    assert_eq!(value.to_string(), text);
    assert!(!text.contains(":null"), "{text}");
    Ok(())
}

fn assert_envelope(answer: &Value) {
    let members = [
        "data",
        "duration",
        "server",
        "status",
        "successful",
        "timestamp",
        "traceId",
    ];
    assert_eq!(keys(answer), members);
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["successful"], true);
    assert!(
        answer["duration"].is_u64() && is_timestamp(&answer["timestamp"]),
        "{answer}"
    );
    assert_ne!(answer["server"], "");
}

#[tokio::test]
async fn stop_answers_in_the_documented_shape() -> Result<()> {
    within(LIMIT, "shape of a stop", async {
        let slacktide = Slacktide::start().await?;
        let spec = simulated_cluster("shaped", 1, simulated_driver(100));
        let cluster = slacktide.api()?.register(spec).await?;
        let path = format!("/api/v2/ob/clusters/{}/stop", cluster.id);
        let answer = slacktide.rest().post(&path, "").await?;
        assert_ordered(&answer.text())?;
        let answer = answer.json()?;
        assert_envelope(&answer);

        let data = &answer["data"];
        let members = ["cluster", "context", "creator", "id", "name", "startTime", "status", "tasks"];
        assert_eq!(keys(data), members);
        assert_eq!(
            data["cluster"],
            json!({"id": cluster.id, "name": "shaped", "obClusterId": 22})
        );
        let server = cluster.zones[0].servers[0].id;
        let context = format!(
            "Context(parallelIdx=-1, stringMap={{cluster_name=shaped, cluster_id={}, \
             former_cluster_status=RUNNING}}, listMap={{server_ids=[{server}], zone_names=[zone1]}})",
            cluster.id
        );
        assert_eq!(data["context"], context);
        assert_eq!(data["creator"], json!({"id": 100, "name": "admin"}));
        assert_eq!((&data["name"], &data["status"]), (&json!("Stop OB cluster"), &json!("RUNNING")));
        assert!(is_timestamp(&data["startTime"]));

        let tasks = data["tasks"].as_array().context("tasks")?;
        assert_eq!(tasks.len(), 11);
        let first = tasks[0]["id"].as_i64().context("id")?;
        for (task, id) in tasks.iter().zip(first..) {
            let members =
                ["description", "downstreams", "id", "name", "operation", "status", "upstreams"];
            assert_eq!(keys(task), members);
            assert_eq!((&task["id"], &task["operation"]), (&json!(id), &json!("EXECUTE")));
            assert_eq!(task["description"], task["name"]);
            let is_root = task["upstreams"] == json!([]);
            let statuses: &[&str] = if is_root { &["READY", "RUNNING"] } else { &["PENDING"] };
            assert!(statuses.iter().any(|status| task["status"] == *status), "{task}");
        }
        assert_eq!(chain(tasks)?, STOP_CHAIN);
        Ok(())
    })
    .await
}

const STOP_CHAIN: [&str; 11] = [
    "Prepare stop cluster",
    "Prepare stop OB zone",
    "Wait node",
    "Prepare stop observer",
    "Wait node",
    "Stop observer process",
    "Wait node",
    "Update observer status",
    "Wait node",
    "Update zone status",
    "Update OB cluster status",
];

/// Names of the subtasks of a graph that is a chain, from its root.
fn chain(tasks: &[Value]) -> Result<Vec<&str>> {
    let mut next = tasks.iter().find(|task| task["upstreams"] == json!([]));
    let mut names = Vec::new();
    while let Some(task) = next {
        names.push(task["name"].as_str().context("name")?);
        next = tasks.iter().find(|one| one["id"] == task["downstreams"][0]);
    }
    Ok(names)
}

#[tokio::test]
async fn task_and_its_logs_answer_in_the_documented_shape() -> Result<()> {
    within(LIMIT, "shape of a task", async {
        let slacktide = Slacktide::start().await?;
        let rest = slacktide.rest();
        let api = slacktide.api()?;
        let cluster = api
            .register(simulated_cluster("shaped", 1, simulated_driver(10)))
            .await?;
        let stopped = rest
            .post(&format!("/api/v2/ob/clusters/{}/stop", cluster.id), "")
            .await?;
        let id = stopped.json()?["data"]["id"].as_i64().context("id")?;
        api.finished(id).await?;

        let path = format!("/api/v2/tasks/instances/{id}");
        let answer = rest.get(&path).await?;
        assert_ordered(&answer.text())?;
        let answer = answer.json()?;
        assert_envelope(&answer);
        let task = &answer["data"];
        assert_eq!(
            (&task["status"], &task["type"]),
            (&json!("SUCCESSFUL"), &json!("MANUAL"))
        );
        assert_eq!(task["taskDefinitionId"], -1);
        assert!(is_timestamp(&task["startTime"]) && is_timestamp(&task["finishTime"]));
        assert_eq!(
            keys(task)
                .iter()
                .find(|key| ["tasks", "context"].contains(key)),
            None
        );

        let subtasks = task["subtasks"].as_array().context("subtasks")?;
        assert_eq!(chain(subtasks)?, STOP_CHAIN);
        for subtask in subtasks {
            let log = rest
                .get(&format!("{path}/subtasks/{}/log", subtask["id"]))
                .await?
                .json()?;
            assert_envelope(&log);
            let log = log["data"]["log"].as_str().context("log")?;
            assert!(
                log.starts_with("############{EXECUTE}{"),
                "{}: {log:?}",
                subtask["name"]
            );
            let timeout = match subtask["name"].as_str().context("name")? {
                "Wait node" | "Update OB cluster status" => 30,
                "Prepare stop cluster" => 60,
                "Prepare stop observer" | "Update observer status" => 300,
                "Stop observer process" => 1200,
                _ => 1800,
            };
            assert_eq!(subtask["timeout"], timeout, "{subtask}");
            assert_eq!(
                (&subtask["nodeType"], &subtask["runTime"]),
                (&json!("JAVA_TASK"), &json!(1))
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn lists_come_in_pages() -> Result<()> {
    within(LIMIT, "pages", async {
        let slacktide = Slacktide::start().await?;
        let (rest, api) = (slacktide.rest(), slacktide.api()?);
        for name in ["one", "two", "three"] {
            let cluster = api
                .register(simulated_cluster(name, 1, simulated_driver(0)))
                .await?;
            let path = format!("/api/v2/ob/clusters/{}/stop", cluster.id);
            let stopped = rest.post(&path, "").await?.json()?;
            api.finished(stopped["data"]["id"].as_i64().context("id")?)
                .await?;
        }
        for (path, other) in [
            ("/api/v2/ob/clusters", "STOPPING,CREATING"),
            ("/api/v2/tasks/instances", "FAILED,RUNNING"),
        ] {
            let answer = rest
                .get(&format!("{path}?page=2&size=2&sort=id,asc"))
                .await?;
            assert_ordered(&answer.text())?;
            let data = &answer.json()?["data"];
            assert_eq!(keys(data), ["contents", "page"]);
            assert_eq!(data["contents"].as_array().map(Vec::len), Some(1));
            assert_eq!(
                data["page"],
                json!({"number": 2, "size": 2, "totalElements": 3, "totalPages": 2})
            );
            let none = rest.get(&format!("{path}?status={other}")).await?.json()?;
            assert_eq!(none["data"]["page"]["totalElements"], 0, "{none}");
        }
        Ok(())
    })
    .await
}
