//! slacktide dies between two durable steps, at each place where it can, and starts again: the task ends as if
//! nothing had been, and no process is signalled or started twice.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use slacktide_api::v1::{ClusterStatus, StopMode, Task, TaskStatus};
use slacktide_tests::{
    Engine, Setup, Slacktide, cluster, signals_sent, simulated_cluster, simulated_driver,
    with_engine, within,
};

const LIMIT: Duration = Duration::from_secs(300);
const DIES: Duration = Duration::from_secs(30);

/// The places that a stop of three simulated servers passes, and which time to die there. Only the first
/// subtask is claimed by itself: the commit of one claims the next. The fourth effect is that of the start after.
const PLACES: [(&str, &[u32]); 5] = [
    ("after-claim", &[1]),
    ("before-act", &[1, 3]),
    ("after-effect", &[1, 3, 4]),
    ("before-commit", &[1, 2, 5, 9]),
    ("after-commit", &[1, 4, 8]),
];

async fn dies_and_is_back(slacktide: &mut Slacktide, point: &str) -> Result<()> {
    let what = format!("death at {point}");
    let exit = within(DIES, &what, slacktide.process().exited()).await?;
    ensure!(
        exit.signal().is_some(),
        "{point}: {exit:?}: {}",
        slacktide.output()
    );
    slacktide.restart().await
}

async fn assert_ends(slacktide: &Slacktide, task: i64, expected: ClusterStatus) -> Result<Task> {
    let api = slacktide.api()?;
    let task = api.finished(task).await?;
    ensure!(task.status() == TaskStatus::Successful, "{}", task.error);
    let cluster = task.cluster.as_ref().context("no cluster")?.id;
    let cluster = api.cluster(cluster).await?;
    ensure!(cluster.status() == expected, "{cluster:?}");
    Ok(task)
}

#[tokio::test]
async fn of_a_simulated_stop_and_start() -> Result<()> {
    within(LIMIT, "crash points", async {
        for (point, numbers) in PLACES {
            for &number in numbers {
                let crash = format!("{point}:{number}");
                let setup = Setup::default().once("crash_point", &crash);
                let mut slacktide = setup.start().await?;
                let spec = simulated_cluster("dying", 3, simulated_driver(1));
                let id = slacktide.api()?.register(spec).await?.id;
                let stop = slacktide.api()?.stop(id, StopMode::Immediate).await;
                if point == "after-effect" && number == 4 {
                    // Three servers have three effects: the fourth is the start's.
                    assert_ends(&slacktide, stop?.id, ClusterStatus::Stopped).await?;
                    let _ = slacktide.api()?.start(id).await;
                }
                dies_and_is_back(&mut slacktide, &crash).await?;
                let task = newest_task(&slacktide).await?;
                let expected = match task.name.as_str() {
                    "Stop OB cluster" => ClusterStatus::Stopped,
                    _ => ClusterStatus::Running,
                };
                assert_ends(&slacktide, task.id, expected).await?;
            }
        }
        Ok(())
    })
    .await
}

async fn newest_task(slacktide: &Slacktide) -> Result<Task> {
    let request = slacktide_api::v1::ListTasksRequest::default();
    let listed = slacktide.api()?.tasks.clone().list_tasks(request).await?;
    listed
        .into_inner()
        .tasks
        .into_iter()
        .next()
        .context("no task")
}

#[tokio::test]
async fn of_a_takeover() -> Result<()> {
    within(LIMIT, "crash points of a takeover", async {
        for point in ["before-take-over", "after-fence"] {
            let setup = Setup::default().once("crash_point", "before-act");
            let mut slacktide = setup.start().await?;
            let spec = simulated_cluster("dying", 1, simulated_driver(1));
            let id = slacktide.api()?.register(spec).await?.id;
            let task = slacktide.api()?.stop(id, StopMode::Immediate).await?.id;
            within(DIES, "the first death", slacktide.process().exited()).await?;
            // It may die before it is ready: what it takes over is taken over at the start.
            let _ = slacktide.restart_with(&[("crash_point", point)]).await;
            dies_and_is_back(&mut slacktide, point).await?;
            assert_ends(&slacktide, task, ClusterStatus::Stopped).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn of_a_real_stop_and_start() -> Result<()> {
    with_engine("of_a_real_stop_and_start", LIMIT, async |home| {
        let engine = Engine::start(home).await?;
        let mut slacktide = Slacktide::start().await?;
        let spec = cluster("dying", vec![vec![engine.spec()]]);
        let id = slacktide.api()?.register(spec).await?.id;
        let stops = ["before-act", "after-note", "after-signal", "before-commit"];
        let starts = ["before-act", "after-note", "after-spawn", "before-commit"];
        for number in 0..stops.len().max(starts.len()) {
            let point = stops[number % stops.len()];
            again_with(&mut slacktide, point).await?;
            let task = slacktide.api()?.stop(id, StopMode::Immediate).await?.id;
            dies_and_is_back(&mut slacktide, point).await?;
            let task = assert_ends(&slacktide, task, ClusterStatus::Stopped).await?;
            ensure!(engine.server_pid().is_none(), "{point}: the server runs");
            let mut signals = BTreeMap::new();
            for sent in signals_sent(&slacktide.api()?, &task).await? {
                *signals.entry(sent).or_insert(0) += 1;
            }
            ensure!(
                signals.values().all(|times| *times == 1),
                "{point}: {signals:?}"
            );

            let point = starts[number % starts.len()];
            again_with(&mut slacktide, point).await?;
            let task = slacktide.api()?.start(id).await?.id;
            dies_and_is_back(&mut slacktide, point).await?;
            assert_ends(&slacktide, task, ClusterStatus::Running).await?;
            engine.serves().await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn before_a_harder_signal() -> Result<()> {
    with_engine("before_a_harder_signal", LIMIT, async |home| {
        let engine = Engine::start(home).await?;
        // Far too short for an ordered shutdown: the harder signal follows, and announces itself first.
        let setup = Setup::default().setting("executor.sigusr1_limit", "0.2");
        let mut slacktide = setup.once("crash_point", "after-intent").start().await?;
        let spec = cluster("impatient", vec![vec![engine.spec()]]);
        let id = slacktide.api()?.register(spec).await?.id;
        let task = slacktide.api()?.stop(id, StopMode::Graceful).await?.id;
        dies_and_is_back(&mut slacktide, "after-intent").await?;
        let task = assert_ends(&slacktide, task, ClusterStatus::Stopped).await?;
        let sent = signals_sent(&slacktide.api()?, &task).await?;
        let gentle = sent.iter().filter(|sent| sent.signal == "SIGUSR1").count();
        ensure!(gentle <= 1, "{sent:?}");
        ensure!(engine.server_pid().is_none(), "the server runs");
        Ok(())
    })
    .await
}

/// Starts it again, to die at a point.
async fn again_with(slacktide: &mut Slacktide, point: &str) -> Result<()> {
    slacktide.sigterm().await?;
    slacktide.restart_with(&[("crash_point", point)]).await
}
