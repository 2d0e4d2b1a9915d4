//! Several processes on one database: each role in a process of its own, wake-ups between them, executors with
//! labels, and a gateway that knows nothing but its upstream.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use slacktide_api::v1::{ClusterSpec, ClusterStatus, ListExecutorsRequest, StopMode, TaskStatus};
use slacktide_test_databases::{MariaDb, Nats, Postgres, runs};
use slacktide_tests::{Setup, Slacktide, simulated_cluster, simulated_driver, within};

const LIMIT: Duration = Duration::from_secs(120);

async fn postgres(case: &str) -> Result<Option<String>> {
    if !runs(case, Postgres::available())? {
        return Ok(None);
    }
    Ok(Some(Postgres::shared().await?.fresh_database().await?))
}

fn on(url: &str, roles: &str) -> Setup {
    Setup::default()
        .setting("database.url", url)
        .setting("roles", roles)
}

#[tokio::test]
async fn each_role_in_a_process_of_its_own() -> Result<()> {
    let Some(url) = postgres("each_role_in_a_process_of_its_own").await? else {
        return Ok(());
    };
    within(LIMIT, "split roles", async {
        let server = on(&url, "server").migrated().start().await?;
        let _executor = on(&url, "executor").start().await?;
        let gateway = Setup::default()
            .setting("roles", "gateway")
            .setting(
                "gateway.upstream",
                &format!("http://{}", server.grpc_address()),
            )
            .start()
            .await?;
        let api = server.api()?;
        let spec = simulated_cluster("split", 2, simulated_driver(5));
        let id = api.register(spec).await?.id;
        let path = format!("/api/v2/ob/clusters/{id}/stop");
        let answer = gateway
            .rest()
            .post(&path, r#"{"mode":"IMMEDIATE"}"#)
            .await?;
        ensure!(answer.status.is_success(), "{}", answer.text());
        let task = answer.json()?["data"]["id"]
            .as_i64()
            .context("no task id")?;
        let task = api.finished(task).await?;
        assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
        assert_eq!(api.cluster(id).await?.status(), ClusterStatus::Stopped);
        Ok(())
    })
    .await
}

/// A stop takes far less than the ticks that would find its work without wake-ups.
async fn is_woken(server: &Slacktide) -> Result<()> {
    let api = server.api()?;
    let mut quickest = Duration::MAX;
    for round in 0..5 {
        let spec = simulated_cluster(&format!("woken_{round}"), 1, simulated_driver(1));
        let id = api.register(spec).await?.id;
        let began = Instant::now();
        let task = api.stop(id, StopMode::Immediate).await?;
        let task = api.finished(task.id).await?;
        assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
        quickest = quickest.min(began.elapsed());
    }
    ensure!(
        quickest < SLOW_TICK / 2,
        "the quickest of five stops took {quickest:?}"
    );
    Ok(())
}

/// How often these executors look for work by themselves.
const SLOW_TICK: Duration = Duration::from_secs(10);

fn seldom(setup: Setup) -> Setup {
    setup
        .setting("executor.tick", &SLOW_TICK.as_secs().to_string())
        .setting("executor.lease_ttl", "60")
}

#[tokio::test]
async fn a_commit_wakes_other_processes_through_postgres() -> Result<()> {
    let Some(url) = postgres("a_commit_wakes_other_processes_through_postgres").await? else {
        return Ok(());
    };
    within(LIMIT, "LISTEN/NOTIFY", async {
        let server = on(&url, "server,gateway").migrated().start().await?;
        let _executor = seldom(on(&url, "executor")).start().await?;
        is_woken(&server).await
    })
    .await
}

#[tokio::test]
async fn a_commit_wakes_other_processes_through_nats() -> Result<()> {
    let case = "a_commit_wakes_other_processes_through_nats";
    if !runs(case, MariaDb::available())? || !runs(case, Nats::available())? {
        return Ok(());
    }
    within(LIMIT, case, async {
        let nats = Nats::shared().await?.url();
        let url = MariaDb::shared().await?.fresh_database().await?;
        let on = |roles: &str| on(&url, roles).setting("nats.url", &nats);
        let server = on("server,gateway").migrated().start().await?;
        let _executor = seldom(on("executor")).start().await?;
        is_woken(&server).await
    })
    .await
}

fn in_data_centre(spec: ClusterSpec, name: &str) -> ClusterSpec {
    let selector = [("dc".to_owned(), name.to_owned())].into();
    ClusterSpec { selector, ..spec }
}

#[tokio::test]
async fn a_cluster_is_worked_on_by_executors_of_its_data_centre_alone() -> Result<()> {
    let case = "a_cluster_is_worked_on_by_executors_of_its_data_centre_alone";
    let Some(url) = postgres(case).await? else {
        return Ok(());
    };
    within(LIMIT, case, async {
        let server = on(&url, "server,gateway").migrated().start().await?;
        let executor = |name: &str| {
            let setup = on(&url, "executor").setting("host", &format!("host-{name}"));
            setup.setting("executor.labels", &format!("dc={name}"))
        };
        let _north = executor("north").start().await?;
        let _south = executor("south").start().await?;
        let api = server.api()?;
        for name in ["north", "south"] {
            let spec = simulated_cluster(&format!("in_{name}"), 3, simulated_driver(1));
            let id = api.register(in_data_centre(spec, name)).await?.id;
            let task = api.stop(id, StopMode::Immediate).await?;
            let task = api.finished(task.id).await?;
            assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
            for subtask in &task.subtasks {
                assert_eq!(subtask.executor, format!("host-{name}"), "{subtask:?}");
            }
        }
        let listed = api
            .executors
            .clone()
            .list_executors(ListExecutorsRequest {})
            .await?;
        let mut labels: Vec<_> = listed
            .into_inner()
            .executors
            .into_iter()
            .map(|one| one.labels)
            .collect();
        labels.sort_by_key(|labels| labels.get("dc").cloned());
        assert_eq!(labels.len(), 2);
        assert_eq!(labels[0]["dc"], "north");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_subset_of_roles_is_refused_on_the_embedded_database() -> Result<()> {
    let refused = Setup::default().setting("roles", "executor").start().await;
    let error = format!("{:#}", refused.err().context("it started")?);
    ensure!(error.contains("database"), "{error}");
    Ok(())
}
