//! The database goes away while a task runs, or the network to it does: the task ends right after it is back.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use slacktide_api::v1::task_change::Change;
use slacktide_api::v1::{
    ClusterStatus, ListExecutorsRequest, StopMode, SubtaskState, SubtaskStatus, Task, TaskStatus,
};
use slacktide_test_databases::{MariaDb, OceanBase, Options, Postgres, Proxy, runs};
use slacktide_tests::{
    Api, Setup, Slacktide, error_info, simulated_cluster, simulated_driver, within,
};
use tonic::Code;

const LIMIT: Duration = Duration::from_secs(240);
/// Long enough that the database is away while the servers end.
const STOP_MS: i64 = 3_000;
/// From the moment when the database is back.
const RIGHT_AFTER: Duration = Duration::from_secs(15);

/// Begins a stop and waits until its servers are being stopped.
async fn in_the_midst_of_a_stop(slacktide: &Slacktide) -> Result<Task> {
    let api = slacktide.api()?;
    let spec = simulated_cluster("away", 3, simulated_driver(STOP_MS));
    let id = api.register(spec).await?.id;
    let accepted = api.stop(id, StopMode::Immediate).await?;
    let stop = accepted
        .subtasks
        .iter()
        .find(|subtask| subtask.name == "Stop observer process")
        .map(|subtask| subtask.id);
    let mut watch = api.watch(accepted.id, Some(accepted.revision)).await?;
    while let Some(change) = watch.next().await? {
        let is_stop = |state: &SubtaskState| {
            Some(state.id) == stop && state.status() == SubtaskStatus::Running
        };
        if matches!(&change.change, Some(Change::Subtask(state)) if is_stop(state)) {
            break;
        }
    }
    Ok(accepted)
}

/// Reads say that the database is away, so that a client tries again.
async fn assert_away(api: &Api, task: &Task) -> Result<()> {
    let request = slacktide_api::v1::GetTaskRequest {
        id: task.id,
        view: 0,
    };
    let answer = api.tasks.clone().get_task(request).await;
    let refused = answer.err().context("the database answers")?;
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert_eq!(error_info(&refused)?.reason, "DATABASE_UNAVAILABLE");
    Ok(())
}

async fn assert_ends(api: &Api, task: &Task) -> Result<()> {
    within(RIGHT_AFTER, "the task's end", async {
        loop {
            match api.finished(task.id).await {
                Ok(task) if task.status() != TaskStatus::Running => {
                    assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
                    break;
                }
                // A connection that died with the database may break one more call.
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        let cluster = task.cluster.as_ref().map_or(0, |cluster| cluster.id);
        assert_eq!(api.cluster(cluster).await?.status(), ClusterStatus::Stopped);
        Ok(())
    })
    .await
}

macro_rules! killed {
    ($case:ident, $server:ty) => {
        #[tokio::test]
        async fn $case() -> Result<()> {
            if !runs(stringify!($case), <$server>::available())? {
                return Ok(());
            }
            within(LIMIT, stringify!($case), async {
                let mut database = <$server>::start(Options::default()).await?;
                let url = database.fresh_database().await?;
                let setup = Setup::default().setting("database.url", &url);
                let slacktide = setup.migrated().start().await?;
                let task = in_the_midst_of_a_stop(&slacktide).await?;
                database.kill()?;
                let api = slacktide.api()?;
                assert_away(&api, &task).await?;
                // The servers end meanwhile, and nobody can be told.
                tokio::time::sleep(Duration::from_millis(STOP_MS as u64)).await;
                database.start_again().await?;
                assert_ends(&api, &task).await
            })
            .await
        }
    };
}

killed!(postgres_is_killed_in_the_midst_of_a_task, Postgres);
killed!(mariadb_is_killed_in_the_midst_of_a_task, MariaDb);
killed!(oceanbase_is_killed_in_the_midst_of_a_task, OceanBase);

/// An executor that the network cuts off from the database, beside a server that it does not.
async fn cut_off(case: &str, fail: impl Fn(&Proxy)) -> Result<()> {
    if !runs(case, Postgres::available())? {
        return Ok(());
    }
    within(LIMIT, case, async {
        let postgres = Postgres::shared().await?;
        let url = postgres.fresh_database().await?;
        let proxy = Proxy::start(postgres.port()).await?;
        let shared = |roles: &str, url: &str| {
            let setup = Setup::default().setting("database.url", url);
            setup.setting("roles", roles)
        };
        let server = shared("server,gateway", &url).migrated().start().await?;
        let executor = shared("executor", &proxy.in_front_of(&url)?)
            .start()
            .await?;
        let task = in_the_midst_of_a_stop(&server).await?;
        fail(&proxy);
        tokio::time::sleep(Duration::from_millis(STOP_MS as u64)).await;
        let api = server.api()?;
        assert_eq!(api.task(task.id).await?.status(), TaskStatus::Running);
        proxy.restore();
        assert_ends(&api, &task).await?;
        assert!(executor.process().is_running());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_network_to_the_database_is_cut() -> Result<()> {
    cut_off("the_network_to_the_database_is_cut", Proxy::cut).await
}

#[tokio::test]
async fn the_network_to_the_database_is_silent() -> Result<()> {
    cut_off("the_network_to_the_database_is_silent", Proxy::stall).await
}

/// How long a lease lives in the case below. Whoever has the database back first has to leave the others this
/// time to find it too.
const LEASE: Duration = Duration::from_secs(4);

/// Who is alive, by the ids that executors take when they start.
async fn alive(api: &Api) -> Result<BTreeSet<String>> {
    let mut service = api.executors.clone();
    let listed = service.list_executors(ListExecutorsRequest {}).await?;
    let executors = listed.into_inner().executors.into_iter();
    Ok(executors.map(|executor| executor.id).collect())
}

#[tokio::test]
async fn an_outage_that_outlasts_every_lease_expires_nobody() -> Result<()> {
    let case = "an_outage_that_outlasts_every_lease_expires_nobody";
    if !runs(case, Postgres::available())? {
        return Ok(());
    }
    within(LIMIT, case, async {
        let mut database = Postgres::start(Options::default()).await?;
        let url = database.fresh_database().await?;
        let process = |roles: &str| {
            Setup::default()
                .setting("database.url", &url)
                .setting("roles", roles)
                .setting("executor.lease_ttl", &LEASE.as_secs().to_string())
                .setting("executor.tick", "0.2")
        };
        let server = process("server,gateway").migrated().start().await?;
        let executors = [
            process("executor").start().await?,
            process("executor").start().await?,
        ];
        let task = in_the_midst_of_a_stop(&server).await?;
        let api = server.api()?;
        let before = alive(&api).await?;
        assert_eq!(before.len(), executors.len());

        database.kill()?;
        tokio::time::sleep(2 * LEASE).await;
        database.start_again().await?;
        assert_ends(&api, &task).await?;
        tokio::time::sleep(LEASE).await;

        assert_eq!(alive(&api).await?, before);
        for executor in &executors {
            let output = executor.output();
            for loss in ["an executor's lease is over", "lease was taken away"] {
                assert!(!output.contains(loss), "{output}");
            }
        }
        Ok(())
    })
    .await
}
