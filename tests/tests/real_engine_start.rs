//! Starts and restarts of real database servers: same data, same ports, no bootstrap, nothing started twice.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use mysql_async::prelude::Queryable;
use slacktide_api::v1::{
    Cluster, ClusterStatus, ServerStatus, StopMode, Task, TaskStatus, ZoneStatus,
};
use slacktide_tests::{Api, Engine, Slacktide, cluster, with_engine};

const LIMIT: Duration = Duration::from_secs(300);

async fn ended(api: &Api, task: Task) -> Result<Task> {
    let task = api.finished(task.id).await?;
    assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
    Ok(task)
}

async fn assert_cluster(api: &Api, id: i64, expected: ClusterStatus) -> Result<Cluster> {
    let cluster = api.cluster(id).await?;
    assert_eq!(cluster.status(), expected, "{cluster:?}");
    assert_eq!(cluster.active_task_id, None);
    Ok(cluster)
}

async fn write(engine: &Engine, value: i32) -> Result<()> {
    let mut session = engine.connect().await?;
    session
        .query_drop("CREATE TABLE IF NOT EXISTS test.kept (value INT PRIMARY KEY)")
        .await?;
    session
        .exec_drop("INSERT INTO test.kept VALUES (?)", (value,))
        .await?;
    Ok(session.disconnect().await?)
}

async fn read(engine: &Engine) -> Result<Vec<i32>> {
    let mut session = engine.connect().await?;
    let values = session
        .query("SELECT value FROM test.kept ORDER BY value")
        .await?;
    session.disconnect().await?;
    Ok(values)
}

#[tokio::test]
async fn a_stopped_cluster_starts_again_with_its_data_and_its_ports() -> Result<()> {
    let case = "a_stopped_cluster_starts_again_with_its_data_and_its_ports";
    with_engine(case, LIMIT, stop_and_start).await
}

async fn stop_and_start(home: &Path) -> Result<()> {
    let engines = Engine::start_many::<3>(home).await?;
    let slacktide = Slacktide::start().await?;
    let api = slacktide.api()?;
    let zones = engines.iter().map(|engine| vec![engine.spec()]).collect();
    let id = api.register(cluster("again", zones)).await?.id;
    for (engine, value) in engines.iter().zip(1..) {
        write(engine, value).await?;
    }
    let before: Vec<_> = engines.iter().map(Engine::server_pid).collect();
    ended(&api, api.stop(id, StopMode::Immediate).await?).await?;
    assert_cluster(&api, id, ClusterStatus::Stopped).await?;
    assert!(engines.iter().all(|engine| engine.server_pid().is_none()));

    let accepted = api.start(id).await?;
    assert_eq!(accepted.name, "Start OB cluster");
    assert_eq!(accepted.subtasks.len(), 3 * 3 + 5 * 3 + 10);
    ended(&api, accepted).await?;
    let started = assert_cluster(&api, id, ClusterStatus::Running).await?;
    for zone in &started.zones {
        assert_eq!(zone.status(), ZoneStatus::Running, "{zone:?}");
        for server in &zone.servers {
            assert_eq!(server.status(), ServerStatus::Running, "{server:?}");
        }
    }
    // The task says that they answer, so they do.
    for (engine, value) in engines.iter().zip(1..) {
        assert_eq!(read(engine).await?, [value]);
    }
    let after: Vec<_> = engines.iter().map(Engine::server_pid).collect();
    assert!(after.iter().all(Option::is_some));
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| before != after)
    );

    // They outlive the process that started them, and it may stop them again.
    drop(api);
    let mut slacktide = slacktide;
    slacktide.kill9().await?;
    for engine in &engines {
        engine.serves().await?;
    }
    slacktide.restart().await?;
    let api = slacktide.api()?;
    ended(&api, api.stop(id, StopMode::Graceful).await?).await?;
    assert!(engines.iter().all(|engine| engine.server_pid().is_none()));
    Ok(())
}

#[tokio::test]
async fn a_restart_of_three_zones_leaves_two_of_them_up_at_any_time() -> Result<()> {
    let case = "a_restart_of_three_zones_leaves_two_of_them_up_at_any_time";
    with_engine(case, LIMIT, async |home| {
        let engines = Engine::start_many::<3>(home).await?;
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let zones = engines.iter().map(|engine| vec![engine.spec()]).collect();
        let id = api.register(cluster("rolling", zones)).await?.id;
        let before: Vec<_> = engines.iter().map(Engine::server_pid).collect();
        let accepted = api.restart(id, StopMode::Immediate).await?;
        assert_eq!(accepted.subtasks.len(), 3 * 9 + 3 * 6 + 4);
        let mut watch = api.watch(accepted.id, Some(accepted.revision)).await?;
        while watch.next().await?.is_some() {
            let up = engines
                .iter()
                .filter(|engine| engine.server_pid().is_some());
            assert!(up.count() >= 2, "more than one zone was down at a time");
        }
        ended(&api, accepted).await?;
        assert_cluster(&api, id, ClusterStatus::Running).await?;
        for (engine, before) in engines.iter().zip(before) {
            assert_ne!(
                engine.server_pid().context("a server is down")?,
                before.unwrap_or(0)
            );
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_start_finds_what_runs_already_and_starts_the_rest() -> Result<()> {
    let case = "a_start_finds_what_runs_already_and_starts_the_rest";
    with_engine(case, LIMIT, async |home| {
        let [mut early, late] = Engine::start_many::<2>(home).await?;
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let zones = vec![vec![early.spec()], vec![late.spec()]];
        let id = api.register(cluster("partly", zones)).await?.id;
        ended(&api, api.stop(id, StopMode::Immediate).await?).await?;
        early.restart().await?;
        let running = early.server_pid();
        ended(&api, api.start(id).await?).await?;
        assert_cluster(&api, id, ClusterStatus::Running).await?;
        assert_eq!(early.server_pid(), running, "a server was started twice");
        late.serves().await
    })
    .await
}

#[tokio::test]
async fn an_idle_cluster_is_what_its_processes_are() -> Result<()> {
    let case = "an_idle_cluster_is_what_its_processes_are";
    with_engine(case, LIMIT, async |home| {
        let [mut one, other] = Engine::start_many::<2>(home).await?;
        let slacktide = slacktide_tests::Setup::default()
            .setting("executor.observe_interval", "0.2")
            .start()
            .await?;
        let api = slacktide.api()?;
        let zones = vec![vec![one.spec()], vec![other.spec()]];
        let id = api.register(cluster("observed", zones)).await?.id;
        one.kill9()?;
        let seen = becomes(&api, id, ClusterStatus::Unavailable).await?;
        assert_eq!(seen.zones[0].servers[0].status(), ServerStatus::Unavailable);
        assert_ne!(seen.zones[0].servers[0].status_reason, "");
        assert_eq!(seen.zones[1].servers[0].status(), ServerStatus::Running);
        one.restart().await?;
        let seen = becomes(&api, id, ClusterStatus::Running).await?;
        assert_eq!(seen.zones[0].servers[0].status(), ServerStatus::Running);
        Ok(())
    })
    .await
}

/// Waits until the cluster has a status that nobody announces.
async fn becomes(api: &Api, id: i64, expected: ClusterStatus) -> Result<Cluster> {
    slacktide_tests::within(Duration::from_secs(20), "a status", async {
        loop {
            let cluster = api.cluster(id).await?;
            if cluster.status() == expected {
                return Ok(cluster);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}
