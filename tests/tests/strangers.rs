//! A stop finds the right process, whatever else is on the host, and in whatever state the server is.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use slacktide_api::v1::{ClusterStatus, StopMode, Task, TaskStatus};
use slacktide_tests::{
    Api, Engine, Process, Setup, Slacktide, cluster, directory, signals_sent, with_engine,
};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(180);

async fn stop(api: &Api, name: &str, engine: &Engine) -> Result<(i64, Task)> {
    let cluster = api
        .register(cluster(name, vec![vec![engine.spec()]]))
        .await?;
    let task = api.stop(cluster.id, StopMode::Immediate).await?;
    Ok((cluster.id, api.finished(task.id).await?))
}

async fn assert_stopped(api: &Api, cluster: i64, task: &Task) -> Result<()> {
    assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
    assert_eq!(api.cluster(cluster).await?.status(), ClusterStatus::Stopped);
    Ok(())
}

/// A process that has nothing to do with a database, though it works in the server's directory.
fn innocent(engine: &Engine, log: &TempDir) -> Result<Process> {
    let mut command = Command::new("sleep");
    command.arg("600").current_dir(engine.base_dir());
    Process::spawn(&mut command, &log.path().join("innocent.log"))
}

async fn ended_by_sigkill(engine: &Engine) -> Result<()> {
    engine.process().signal(Signal::KILL)?;
    engine.process().exited().await?;
    Ok(())
}

#[tokio::test]
async fn stale_pid_file_names_an_innocent_process() -> Result<()> {
    with_engine(
        "stale_pid_file_names_an_innocent_process",
        LIMIT,
        async |home| {
            let engine = Engine::start(home).await?;
            ended_by_sigkill(&engine).await?;
            let log = directory()?;
            let innocent = innocent(&engine, &log)?;
            std::fs::write(engine.pid_file(), innocent.pid().to_string())?;

            let slacktide = Slacktide::start().await?;
            let api = slacktide.api()?;
            let (cluster, task) = stop(&api, "stale", &engine).await?;
            assert_stopped(&api, cluster, &task).await?;
            assert!(innocent.is_running());
            assert_eq!(signals_sent(&api, &task).await?, []);
            let left = std::fs::read_to_string(engine.pid_file())?;
            assert_eq!(
                left,
                innocent.pid().to_string(),
                "the pid file is not ours to change"
            );
            Ok(())
        },
    )
    .await
}

#[tokio::test]
async fn pid_file_of_a_live_server_names_an_innocent_process() -> Result<()> {
    with_engine(
        "pid_file_of_a_live_server_names_an_innocent_process",
        LIMIT,
        async |home| {
            let engine = Engine::start(home).await?;
            let log = directory()?;
            let innocent = innocent(&engine, &log)?;
            // The same file, so the server's lock on it stays.
            std::fs::write(engine.pid_file(), innocent.pid().to_string())?;

            let slacktide = Slacktide::start().await?;
            let api = slacktide.api()?;
            let (cluster, task) = stop(&api, "misnamed", &engine).await?;
            assert_stopped(&api, cluster, &task).await?;
            assert!(innocent.is_running());
            let pids: Vec<u32> = signals_sent(&api, &task)
                .await?
                .into_iter()
                .map(|sent| sent.pid)
                .collect();
            assert_eq!(pids, [engine.process().pid()]);
            Ok(())
        },
    )
    .await
}

#[tokio::test]
async fn other_instance_on_the_host_is_untouched() -> Result<()> {
    with_engine(
        "other_instance_on_the_host_is_untouched",
        LIMIT,
        async |home| {
            let [stopped, other] = Engine::start_many::<2>(home).await?;
            let slacktide = Slacktide::start().await?;
            let api = slacktide.api()?;
            let other_cluster = api
                .register(cluster("other", vec![vec![other.spec()]]))
                .await?;
            let (cluster, task) = stop(&api, "stopped", &stopped).await?;
            assert_stopped(&api, cluster, &task).await?;
            assert!(!stopped.process().is_running());
            other.connect().await?;
            assert_eq!(
                api.cluster(other_cluster.id).await?.status(),
                ClusterStatus::Running
            );
            Ok(())
        },
    )
    .await
}

#[tokio::test]
async fn server_that_is_down_already() -> Result<()> {
    with_engine("server_that_is_down_already", LIMIT, async |home| {
        let [down, up] = Engine::start_many::<2>(home).await?;
        ended_by_sigkill(&down).await?;
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let zones = vec![vec![down.spec()], vec![up.spec()]];
        let cluster = api.register(cluster("half_down", zones)).await?;
        let task = api.stop(cluster.id, StopMode::Immediate).await?;
        let task = api.finished(task.id).await?;
        assert_stopped(&api, cluster.id, &task).await?;
        let pids: Vec<u32> = signals_sent(&api, &task)
            .await?
            .into_iter()
            .map(|sent| sent.pid)
            .collect();
        assert_eq!(pids, [up.process().pid()]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn server_under_sigstop_is_killed() -> Result<()> {
    with_engine("server_under_sigstop_is_killed", LIMIT, async |home| {
        let engine = Engine::start(home).await?;
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(cluster("frozen", vec![vec![engine.spec()]]))
            .await?;
        engine.process().signal(Signal::STOP)?;
        let task = api.stop(cluster.id, StopMode::Immediate).await?;
        let task = api.finished(task.id).await?;
        assert_stopped(&api, cluster.id, &task).await?;
        let sent: Vec<String> = signals_sent(&api, &task)
            .await?
            .into_iter()
            .map(|sent| sent.signal)
            .collect();
        assert_eq!(
            sent,
            ["SIGTERM", "SIGKILL"],
            "a stopped process can't act on SIGTERM"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn server_that_comes_back_fails_the_task() -> Result<()> {
    with_engine(
        "server_that_comes_back_fails_the_task",
        LIMIT,
        async |home| {
            let mut engine = Engine::start(home).await?;
            let slacktide = Setup::default()
                .setting("executor.watch_window", "20")
                .start()
                .await?;
            let api = slacktide.api()?;
            let cluster = api
                .register(cluster("revenant", vec![vec![engine.spec()]]))
                .await?;
            let task = api.stop(cluster.id, StopMode::Immediate).await?;
            engine.process().exited().await?;
            engine.relaunch()?;
            let task = api.finished(task.id).await?;
            assert_eq!(task.status(), TaskStatus::Failed);
            let again = engine.process().pid().to_string();
            assert!(
                task.error.contains(&again),
                "the reason names process {again}: {}",
                task.error
            );
            assert!(
                engine.process().is_running(),
                "the new process was not ours to stop"
            );
            let cluster = api.cluster(cluster.id).await?;
            assert_ne!(cluster.status(), ClusterStatus::Stopped);
            assert_eq!(
                cluster.active_task_id,
                Some(task.id),
                "a FAILED task keeps its cluster"
            );
            Ok(())
        },
    )
    .await
}

#[tokio::test]
async fn server_that_moved_to_another_cluster() -> Result<()> {
    with_engine(
        "server_that_moved_to_another_cluster",
        LIMIT,
        async |home| {
            let [mut moved, other] = Engine::start_many::<2>(home).await?;
            let slacktide = Slacktide::start().await?;
            let api = slacktide.api()?;
            let zones = vec![vec![moved.spec()], vec![other.spec()]];
            let large = api.register(cluster("large", zones)).await?;
            let task = api.stop(large.id, StopMode::Immediate).await?;
            let task = api.finished(task.id).await?;
            assert_stopped(&api, large.id, &task).await?;

            moved.restart().await?;
            api.unregister(large.id).await?;
            // A smaller graph has lower revisions; what the host remembers of the first stop must not fence it off.
            let (small, task) = stop(&api, "small", &moved).await?;
            assert_stopped(&api, small, &task).await?;
            assert!(!moved.process().is_running());
            Ok(())
        },
    )
    .await
}
