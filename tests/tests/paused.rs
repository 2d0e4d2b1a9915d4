//! An executor is paused between its last look at its own claim and the signal that it is about to send.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use slacktide_api::v1::{
    ClusterStatus, ListExecutorsRequest, Operation, StopMode, Task, TaskStatus,
};
use slacktide_test_databases::{Postgres, runs};
use slacktide_tests::{
    Api, Engine, Setup, Slacktide, cluster, directory, signals_sent, with_engine, within,
};

const LIMIT: Duration = Duration::from_secs(180);
const STEP: Duration = Duration::from_secs(30);

/// Processes of one host on a shared database.
struct Fleet<'a> {
    url: &'a str,
    state_dir: &'a Path,
}

impl Fleet<'_> {
    fn setup(&self, roles: &str) -> Setup {
        Setup::default()
            .setting("database.url", self.url)
            .setting("roles", roles)
            .setting("host", "db1")
            .setting("executor.state_dir", &self.state_dir.display().to_string())
            .setting("executor.lease_ttl", "1")
            .setting("executor.tick", "0.2")
    }
}

/// Waits until a stop has found the process that it is going to signal.
async fn about_to_signal(api: &Api, task: &Task) -> Result<()> {
    let mut subtasks = task.subtasks.iter();
    let stop = subtasks.find(|subtask| subtask.name == "Stop observer process");
    let stop = stop.context("no process is to be stopped")?.id;
    within(STEP, "the look before the signal", async {
        while !api.log(task.id, stop).await?.contains("one server runs") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    })
    .await
}

async fn until_alive(api: &Api, executors: usize) -> Result<()> {
    within(STEP, "executors with a lease", async {
        loop {
            let mut service = api.executors.clone();
            let listed = service.list_executors(ListExecutorsRequest {});
            if listed.await?.into_inner().executors.len() == executors {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_executor_that_wakes_after_a_rollback_sends_no_signal_to_the_server() -> Result<()> {
    let case = "an_executor_that_wakes_after_a_rollback_sends_no_signal_to_the_server";
    if !runs(case, Postgres::available())? {
        return Ok(());
    }
    with_engine(case, LIMIT, async |home| {
        let engine = Engine::start(home).await?;
        let url = Postgres::shared().await?.fresh_database().await?;
        let shared = directory()?;
        let fleet = Fleet {
            url: &url,
            state_dir: &shared.path().join("hosts"),
        };
        let server = fleet.setup("server,gateway").migrated().start().await?;
        let gate = shared.path().join("gate");
        let hold = format!("before-act:{}", gate.display());
        let paused = fleet.setup("executor").setting("hold_point", &hold);
        let paused = paused.start().await?;
        let api = server.api()?;
        let spec = cluster("paused", vec![vec![engine.spec()]]);
        let id = api.register(spec).await?.id;
        let pid = engine.server_pid();

        let stop = api.stop(id, StopMode::Immediate).await?;
        about_to_signal(&api, &stop).await?;
        paused.process().signal(Signal::STOP)?;
        api.cancel(stop.id).await?;
        let other = fleet.setup("executor").start().await?;
        let canceled = api.finished(stop.id).await?;
        assert_eq!(canceled.status(), TaskStatus::Failed);
        api.roll_back(stop.id).await?;
        let undone = api.finished(stop.id).await?;
        assert_eq!(
            (undone.status(), undone.operation()),
            (TaskStatus::Successful, Operation::Rollback),
            "{}",
            undone.error
        );
        until_alive(&api, 1).await?;

        std::fs::write(&gate, "")?;
        paused.process().signal(Signal::CONT)?;
        until_alive(&api, 2).await?;
        paused.sigterm().await?;

        ensure!(pid.is_some() && engine.server_pid() == pid, "it was ended");
        engine.serves().await?;
        assert_eq!(signals_sent(&api, &undone).await?, []);
        assert_eq!(api.cluster(id).await?.status(), ClusterStatus::Running);
        assert_a_stop_is_still_carried_out(&api, id, &other).await
    })
    .await
}

/// What was refused to the one that slept is not refused to whoever is in charge.
async fn assert_a_stop_is_still_carried_out(api: &Api, id: i64, by: &Slacktide) -> Result<()> {
    ensure!(by.process().is_running(), "{}", by.output());
    let stop = api.stop(id, StopMode::Immediate).await?;
    let stop = api.finished(stop.id).await?;
    assert_eq!(stop.status(), TaskStatus::Successful, "{}", stop.error);
    assert_eq!(signals_sent(api, &stop).await?.len(), 1);
    Ok(())
}
