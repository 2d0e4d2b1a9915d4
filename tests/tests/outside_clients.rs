//! Clients that nobody here wrote reach the service, knowing no more of it than reflection tells.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Deserializer, Value};
use slacktide_api::v1::TaskStatus;
use slacktide_tests::{Slacktide, buf, grpcurl, simulated_cluster, simulated_driver, within};
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(60);

async fn run(program: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await?;
    ensure!(
        status.success(),
        "{} {arguments:?}: {}",
        program.display(),
        String::from_utf8_lossy(&stderr)
    );
    Ok(String::from_utf8(stdout)?)
}

/// `buf curl` without a schema: it asks the server for one.
async fn buf_curl(
    buf: &Path,
    slacktide: &Slacktide,
    method: &str,
    data: &str,
) -> Result<Vec<Value>> {
    let authorization = Slacktide::admin()
        .header()
        .context("admin has a password")?;
    let header = format!("authorization: {authorization}");
    let url = format!("http://{}/{method}", slacktide.grpc_address());
    let out = run(
        buf,
        &[
            "curl",
            "--protocol",
            "grpc",
            "--http2-prior-knowledge",
            "-H",
            &header,
            "-d",
            data,
            &url,
        ],
    )
    .await?;
    Ok(Deserializer::from_str(&out)
        .into_iter()
        .collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn buf_curl_stops_and_watches() -> Result<()> {
    let case = "buf_curl_stops_and_watches";
    let Some(buf) = buf(case)? else { return Ok(()) };
    within(LIMIT, case, async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(simulated_cluster("curled", 3, simulated_driver(100)))
            .await?;
        let data = format!(r#"{{"id":"{}","mode":"STOP_MODE_IMMEDIATE"}}"#, cluster.id);
        let method = "slacktide.v1.ClusterService/StopCluster";
        let stopped = buf_curl(&buf, &slacktide, method, &data).await?;
        let task = &stopped.first().context("a response")?["task"];
        assert_eq!(task["subtasks"].as_array().map(Vec::len), Some(21));

        let method = "slacktide.v1.TaskService/WatchTask";
        let data = format!(r#"{{"taskId":{}}}"#, task["id"]);
        let watched = buf_curl(&buf, &slacktide, method, &data).await?;
        let first = watched.first().context("a message")?;
        assert_eq!(first["snapshot"]["task"]["id"], task["id"]);

        let data = format!(r#"{{"taskId":{},"afterRevision":"0"}}"#, task["id"]);
        let watched = buf_curl(&buf, &slacktide, method, &data).await?;
        let last = watched
            .last()
            .and_then(|message| message["changes"]["changes"].as_array());
        let last = last
            .and_then(|changes| changes.last())
            .context("a last change")?;
        assert_eq!(last["task"]["status"], TaskStatus::Successful.as_str_name());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn buf_curl_asks_for_health() -> Result<()> {
    let case = "buf_curl_asks_for_health";
    let Some(buf) = buf(case)? else { return Ok(()) };
    within(LIMIT, case, async {
        let slacktide = Slacktide::start().await?;
        for service in [
            "",
            "slacktide.v1.ClusterService",
            "slacktide.v1.TaskService",
            "slacktide.v1.InfoService",
        ] {
            let data = format!(r#"{{"service":"{service}"}}"#);
            let answer = buf_curl(&buf, &slacktide, "grpc.health.v1.Health/Check", &data).await?;
            assert_eq!(
                answer,
                [serde_json::json!({"status": "SERVING"})],
                "{service:?}"
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn reflection_of_both_versions_lists_every_method() -> Result<()> {
    let case = "reflection_of_both_versions_lists_every_method";
    let Some(buf) = buf(case)? else { return Ok(()) };
    within(LIMIT, case, async {
        let slacktide = Slacktide::start().await?;
        let url = format!("http://{}", slacktide.grpc_address());
        for version in ["grpc-v1", "grpc-v1alpha"] {
            let methods = run(
                &buf,
                &[
                    "curl",
                    "--protocol",
                    "grpc",
                    "--http2-prior-knowledge",
                    "--reflect-protocol",
                    version,
                    "--list-methods",
                    &url,
                ],
            )
            .await?;
            for method in [
                "slacktide.v1.ClusterService/RegisterCluster",
                "slacktide.v1.ClusterService/UpdateCluster",
                "slacktide.v1.ClusterService/GetCluster",
                "slacktide.v1.ClusterService/ListClusters",
                "slacktide.v1.ClusterService/UnregisterCluster",
                "slacktide.v1.ClusterService/StopCluster",
                "slacktide.v1.TaskService/GetTask",
                "slacktide.v1.TaskService/ListTasks",
                "slacktide.v1.TaskService/WatchTask",
                "slacktide.v1.TaskService/GetSubtaskLog",
                "slacktide.v1.InfoService/GetInfo",
                "grpc.health.v1.Health/Check",
            ] {
                assert!(
                    methods.lines().any(|line| line == method),
                    "{version}: no {method}"
                );
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn grpcurl_lists_describes_and_asks_for_health() -> Result<()> {
    let case = "grpcurl_lists_describes_and_asks_for_health";
    let Some(grpcurl) = grpcurl(case) else {
        return Ok(());
    };
    within(LIMIT, case, async {
        let slacktide = Slacktide::start().await?;
        let address = slacktide.grpc_address();
        let list = run(&grpcurl, &["-plaintext", &address, "list"]).await?;
        assert!(
            list.lines()
                .any(|line| line == "slacktide.v1.ClusterService"),
            "{list}"
        );
        let method = "slacktide.v1.ClusterService.StopCluster";
        let described = run(&grpcurl, &["-plaintext", &address, "describe", method]).await?;
        assert!(described.contains("StopClusterRequest"), "{described}");
        let health = run(
            &grpcurl,
            &["-plaintext", &address, "grpc.health.v1.Health/Check"],
        )
        .await?;
        assert!(health.contains("SERVING"), "{health}");
        Ok(())
    })
    .await
}
