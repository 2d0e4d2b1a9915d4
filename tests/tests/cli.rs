//! The command line as a user meets it: verbs, exit codes, JSON.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use slacktide_tests::{ClusterFile, Slacktide, within};

const LIMIT: Duration = Duration::from_secs(60);

/// Runs a verb that has to succeed, and reads its JSON.
async fn json(slacktide: &Slacktide, arguments: &[&str]) -> Result<Value> {
    let output = slacktide
        .command(&[arguments, &["-o", "json"]].concat())
        .await?;
    ensure!(
        output.status.success(),
        "{arguments:?}: {}",
        stderr(&output)
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("{arguments:?} prints JSON"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Registers a cluster from a file and returns its id.
async fn register(slacktide: &Slacktide, text: &str) -> Result<String> {
    let file = ClusterFile::write(text)?;
    let path = file.path().display().to_string();
    let cluster = json(slacktide, &["cluster", "register", "-f", &path]).await?;
    // The protobuf JSON mapping writes 64-bit integers as strings.
    Ok(cluster["id"].as_str().context("id")?.to_owned())
}

#[tokio::test]
async fn a_clusters_life() -> Result<()> {
    within(LIMIT, "a cluster's life", async {
        let slacktide = Slacktide::start().await?;
        let id = register(&slacktide, &ClusterFile::simulated("lived", &[50, 50])).await?;
        let cluster = json(&slacktide, &["cluster", "get", &id]).await?;
        assert_eq!(cluster["name"], "lived");
        assert_eq!(cluster["status"], "CLUSTER_STATUS_RUNNING");
        assert!(stdout(&slacktide.command(&["cluster", "list"]).await?).contains("lived"));

        let stopped = slacktide
            .command(&["cluster", "stop", &id, "--watch"])
            .await?;
        assert!(stopped.status.success(), "{}", stderr(&stopped));
        // Not on a terminal: plain lines, one for each change, without control characters.
        let shown = stdout(&stopped);
        assert!(shown.contains("Stop observer process"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown:?}");

        let tasks = json(&slacktide, &["task", "list"]).await?;
        let task = tasks["tasks"][0]["id"].as_str().context("a task")?;
        let whole = json(&slacktide, &["task", "get", task]).await?;
        assert_eq!(whole["status"], "TASK_STATUS_SUCCESSFUL");
        let subtasks = whole["subtasks"].as_array().context("subtasks")?;
        assert_eq!(subtasks.len(), 2 * 2 + 3 * 2 + 6);
        assert!(
            slacktide
                .command(&["task", "watch", task])
                .await?
                .status
                .success()
        );
        let act = subtasks
            .iter()
            .find(|subtask| subtask["name"] == "Stop observer process");
        let act = act
            .and_then(|subtask| subtask["id"].as_str())
            .context("the act")?;
        let log = slacktide.command(&["task", "log", task, act]).await?;
        assert!(
            stdout(&log).starts_with("############{EXECUTE}{"),
            "{}",
            stdout(&log)
        );

        let gone = slacktide.command(&["cluster", "unregister", &id]).await?;
        assert!(gone.status.success(), "{}", stderr(&gone));
        assert!(
            !slacktide
                .command(&["cluster", "get", &id])
                .await?
                .status
                .success()
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn failed_task_fails_the_command() -> Result<()> {
    within(LIMIT, "failed task", async {
        let slacktide = Slacktide::start().await?;
        let text = ClusterFile::simulated("broken", &[0]).replace("stop_ms = 0", "fail_stops = 9");
        let id = register(&slacktide, &text).await?;
        let stopped = slacktide
            .command(&["cluster", "stop", &id, "--watch"])
            .await?;
        assert!(!stopped.status.success());
        let cluster = json(&slacktide, &["cluster", "get", &id]).await?;
        let task = cluster["activeTaskId"]
            .as_str()
            .context("a FAILED task keeps its cluster")?;
        let whole = json(&slacktide, &["task", "get", task]).await?;
        assert_eq!(whole["status"], "TASK_STATUS_FAILED");
        assert_ne!(whole["error"], "");
        assert!(
            !slacktide
                .command(&["task", "watch", task])
                .await?
                .status
                .success()
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn refusals_fail_the_command_and_say_why() -> Result<()> {
    within(LIMIT, "refusals", async {
        let slacktide = Slacktide::start().await?;
        for (arguments, word) in [
            (&["cluster", "get", "424242"][..], "424242"),
            (&["cluster", "stop", "abc"], "abc"),
            (
                &["cluster", "register", "-f", "/nonexistent/cluster.toml"],
                "/nonexistent/cluster.toml",
            ),
            (&["cluster", "list", "--password", "wrong"], "password"),
            (
                &["cluster", "list", "--endpoint", "http://127.0.0.1:1"],
                "127.0.0.1:1",
            ),
        ] {
            let output = slacktide.command(arguments).await?;
            assert!(!output.status.success(), "{arguments:?}");
            assert!(
                stderr(&output).contains(word),
                "{arguments:?}: {}",
                stderr(&output)
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn register_again_mends_and_update_mends() -> Result<()> {
    within(LIMIT, "update", async {
        let slacktide = Slacktide::start().await?;
        let id = register(&slacktide, &ClusterFile::simulated("mended", &[10])).await?;
        let again = register(&slacktide, &ClusterFile::simulated("mended", &[20])).await?;
        assert_eq!(again, id);
        let file = ClusterFile::write(&ClusterFile::simulated("mended", &[30]))?;
        let path = file.path().display().to_string();
        let cluster = json(&slacktide, &["cluster", "update", "-f", &path]).await?;
        assert_eq!(cluster["id"], id.as_str());
        let driver = &cluster["zones"][0]["servers"][0]["driver"]["simulated"];
        assert_eq!(driver["stopMs"], "30");
        Ok(())
    })
    .await
}
