//! A request can be followed from the caller to the executor, and its costs can be counted.

use std::time::Duration;

use anyhow::{Context, Result};
use http::Method;
use slacktide_tests::{Slacktide, simulated_cluster, simulated_driver, within};

const LIMIT: Duration = Duration::from_secs(60);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn trace_of_the_caller_reaches_task_log_and_envelope() -> Result<()> {
    within(LIMIT, "trace", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(simulated_cluster("traced", 1, simulated_driver(0)))
            .await?;
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let path = format!("/api/v2/ob/clusters/{}/stop", cluster.id);
        let headers = [("traceparent", parent.as_str())];
        let answer = slacktide
            .rest()
            .call(Method::POST, &path, &headers, "")
            .await?
            .json()?;
        let shown = answer["traceId"].as_str().context("traceId")?;
        assert_eq!(shown.len(), 16);
        assert!(TRACE.ends_with(shown), "{shown}");

        let id = answer["data"]["id"].as_i64().context("id")?;
        let task = api.finished(id).await?;
        assert_eq!(task.trace_id, TRACE);
        let output = slacktide.output();
        let lines: Vec<&str> = output.lines().filter(|line| line.contains(shown)).collect();
        let names_task = lines.iter().any(|line| line.contains(&id.to_string()));
        assert!(
            names_task,
            "no log line holds both the trace and the task:\n{output}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn trace_that_begins_here_finds_the_task() -> Result<()> {
    within(LIMIT, "trace", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(simulated_cluster("traced", 1, simulated_driver(0)))
            .await?;
        let path = format!("/api/v2/ob/clusters/{}/stop", cluster.id);
        let answer = slacktide.rest().post(&path, "").await?.json()?;
        let shown = answer["traceId"].as_str().context("traceId")?;
        let task = api
            .task(answer["data"]["id"].as_i64().context("id")?)
            .await?;
        assert_eq!(task.trace_id, format!("{:016}{shown}", 0));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn metrics_count_what_happened() -> Result<()> {
    within(LIMIT, "metrics", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api.register(simulated_cluster("counted", 1, simulated_driver(0))).await?;
        let path = format!("/api/v2/ob/clusters/{}/stop", cluster.id);
        let answer = slacktide.rest().post(&path, "").await?.json()?;
        api.finished(answer["data"]["id"].as_i64().context("id")?).await?;
        // The outcome is counted after its commit, which is what the watcher saw.
        let task_ended = r#"slacktide_task_duration_seconds_count{name="Stop OB cluster",outcome="SUCCESSFUL"} 1"#;
        let metrics = loop {
            let metrics = slacktide.admin_listener().get("/metrics").await?.text();
            if metrics.contains(task_ended) {
                break metrics;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        for sample in [
            r#"slacktide_subtask_duration_seconds_count{name="Stop observer process",outcome="SUCCESSFUL"} 1"#,
            r#"method="POST /api/v2/ob/clusters/{id}/stop""#,
            "slacktide_queue_subtasks",
            "slacktide_lease_held",
        ] {
            assert!(metrics.contains(sample), "{sample} is not in\n{metrics}");
        }
        Ok(())
    })
    .await
}
