//! SIGTERM drains: what runs is finished or handed back, streams end resumable, the exit is clean.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use slacktide_api::v1::driver::Kind;
use slacktide_api::v1::task_change::Change;
use slacktide_api::v1::{
    ClusterSpec, Driver, SimulatedDriver, StopClusterRequest, StopMode, SubtaskStatus, Task,
    TaskStatus,
};
use slacktide_tests::{
    Api, Setup, Slacktide, TaskWatch, simulated_cluster, simulated_driver, within,
};
use tonic::{Code, Status};

const LIMIT: Duration = Duration::from_secs(120);

/// Stops a cluster of one server and waits until the stop act runs.
async fn stop_until_act_runs(api: &Api, behaviour: SimulatedDriver) -> Result<(Task, TaskWatch)> {
    let cluster = simulated_cluster("drained", 1, behaviour);
    stop_this_until_act_runs(api, cluster).await
}

async fn stop_this_until_act_runs(api: &Api, cluster: ClusterSpec) -> Result<(Task, TaskWatch)> {
    let cluster = api.register(cluster).await?;
    let task = api.stop(cluster.id, StopMode::Immediate).await?;
    let act = act(&task);
    let mut watch = api.watch(task.id, Some(0)).await?;
    while let Some(change) = watch.next().await? {
        if let Some(Change::Subtask(state)) = &change.change
            && Some(state.id) == act
            && state.status() == SubtaskStatus::Running
        {
            return Ok((task, watch));
        }
    }
    anyhow::bail!("the task ended before its act ran");
}

fn act(task: &Task) -> Option<i64> {
    let is_act = |name: &str| name == "Stop observer process";
    task.subtasks
        .iter()
        .find(|subtask| is_act(&subtask.name))
        .map(|subtask| subtask.id)
}

#[tokio::test]
async fn running_act_is_finished() -> Result<()> {
    within(LIMIT, "drain with a short act", async {
        let mut slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let (task, mut watch) = stop_until_act_runs(&api, simulated_driver(1500)).await?;
        let (exit, end) = tokio::join!(slacktide.sigterm(), watch.rest());
        assert!(exit?.status.success(), "{}", slacktide.output());
        assert_eq!(end.map_err(|status| status.code()), Err(Code::Unavailable));

        slacktide.restart().await?;
        let task = slacktide.api()?.finished(task.id).await?;
        assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
        let ran = task
            .subtasks
            .iter()
            .find(|subtask| Some(subtask.id) == act(&task));
        assert_eq!(
            ran.map(|subtask| subtask.run_time),
            Some(1),
            "the act ran once"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn act_that_never_ends_is_handed_back() -> Result<()> {
    within(LIMIT, "drain with an endless act", async {
        let mut slacktide = Setup::default()
            .setting("executor.drain_limit", "2")
            .start()
            .await?;
        let api = slacktide.api()?;
        let endless = SimulatedDriver {
            hang: true,
            ..Default::default()
        };
        let (task, mut watch) = stop_until_act_runs(&api, endless).await?;
        let (exit, end) = tokio::join!(slacktide.sigterm(), watch.rest());
        assert!(exit?.status.success(), "{}", slacktide.output());
        assert_eq!(end.map_err(|status| status.code()), Err(Code::Unavailable));

        slacktide.restart().await?;
        let api = slacktide.api()?;
        let changes = async {
            let mut watch = api.watch(task.id, Some(task.revision)).await?;
            let mut states = Vec::new();
            // Handed back, then taken up again by the new process.
            while states
                != [
                    SubtaskStatus::Running,
                    SubtaskStatus::Ready,
                    SubtaskStatus::Running,
                ]
            {
                let change = watch
                    .next()
                    .await?
                    .ok_or_else(|| Status::aborted("ended early"))?;
                if let Some(Change::Subtask(state)) = change.change
                    && Some(state.id) == act(&task)
                    && state.start_time.is_some()
                {
                    states.push(state.status());
                }
            }
            Ok(())
        };
        within(
            Duration::from_secs(20),
            "the act is taken up again",
            changes,
        )
        .await?;
        assert_eq!(api.task(task.id).await?.status(), TaskStatus::Running);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn second_signal_ends_a_drain_that_hangs() -> Result<()> {
    within(LIMIT, "a drain cut short", async {
        let mut slacktide = Setup::default()
            .setting("executor.drain_limit", "600")
            .start()
            .await?;
        let api = slacktide.api()?;
        let endless = SimulatedDriver {
            hang: true,
            ..Default::default()
        };
        let mut cluster = simulated_cluster("drained", 1, endless);
        let (task, mut watch) = stop_this_until_act_runs(&api, cluster.clone()).await?;
        // Mended for the next run; the one that hangs has read its driver's settings already.
        for server in cluster.zones.iter_mut().flat_map(|zone| &mut zone.servers) {
            server.driver = Some(Driver {
                kind: Some(Kind::Simulated(simulated_driver(0))),
            });
        }
        api.register(cluster).await?;

        slacktide.process().signal(Signal::TERM)?;
        // The end of the stream tells that the drain has begun.
        let end = watch.rest().await;
        assert_eq!(end.map_err(|status| status.code()), Err(Code::Unavailable));
        let second = Instant::now();
        let exit = slacktide.sigterm().await?;
        assert_eq!(exit.status.code(), Some(1), "{}", slacktide.output());
        let took = exit.at.duration_since(second);
        assert!(took < Duration::from_secs(5), "it took {took:?}");

        slacktide.restart().await?;
        let task = slacktide.api()?.finished(task.id).await?;
        assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn draining_server_takes_no_new_work() -> Result<()> {
    within(LIMIT, "calls to a draining server", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let idle = api
            .register(simulated_cluster("idle", 1, simulated_driver(0)))
            .await?;
        let (_, mut watch) = stop_until_act_runs(&api, simulated_driver(3000)).await?;
        let late = async {
            // The end of the stream tells that the drain has begun.
            let _ = watch.rest().await;
            let request = StopClusterRequest {
                id: idle.id,
                ..Default::default()
            };
            slacktide
                .api()?
                .stop_with(request)
                .await
                .map_err(anyhow::Error::from)
        };
        let (exit, late) = tokio::join!(slacktide.sigterm(), late);
        assert!(exit?.status.success(), "{}", slacktide.output());
        let refusal = late.err().and_then(|error| error.downcast::<Status>().ok());
        assert_eq!(refusal.map(|status| status.code()), Some(Code::Unavailable));
        Ok(())
    })
    .await
}
