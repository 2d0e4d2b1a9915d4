//! `kill -9` at any point of a running stop: after a restart the task goes on and ends SUCCESSFUL.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use slacktide_api::v1::task_change::Change;
use slacktide_api::v1::{
    ClusterStatus, StopMode, SubtaskState, SubtaskStatus, Task, TaskChange, TaskStatus,
};
use slacktide_tests::{
    Api, Engine, Slacktide, cluster, fold, signals_sent, simulated_cluster, simulated_driver,
    with_engine, within,
};

const LIMIT: Duration = Duration::from_secs(300);
/// The steps that touch a host; all others are changes of the database alone.
const HOST_STEPS: [&str; 3] = [
    "Prepare stop observer",
    "Stop observer process",
    "Update observer status",
];

/// Kills the server as soon as a watcher sees a change that is `point`, and starts it again.
/// Returns whether the change came.
async fn crash_at(
    slacktide: &mut Slacktide,
    task: &Task,
    point: impl Fn(&TaskChange) -> bool,
) -> Result<bool> {
    let mut watch = slacktide.api()?.watch(task.id, Some(0)).await?;
    while let Some(change) = watch.next().await? {
        if point(&change) {
            slacktide.kill9().await?;
            slacktide.restart().await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// The task ends well, its changes are gapless, and applied to the accepted task they give the rows.
async fn assert_ends_well(api: &Api, accepted: Task) -> Result<Task> {
    let task = api.finished(accepted.id).await?;
    assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
    let cluster = task.cluster.as_ref().map_or(0, |cluster| cluster.id);
    assert_eq!(api.cluster(cluster).await?.status(), ClusterStatus::Stopped);
    let mut folded = accepted;
    for change in api
        .watch(task.id, Some(folded.revision))
        .await?
        .rest()
        .await?
    {
        fold(&mut folded, &change)?;
    }
    assert_eq!(folded.revision, task.revision);
    assert_eq!(folded.subtasks, task.subtasks);
    Ok(task)
}

#[tokio::test]
async fn at_every_revision_of_a_simulated_stop() -> Result<()> {
    within(LIMIT, "crash at every revision", async {
        let mut slacktide = Slacktide::start().await?;
        for revision in 1.. {
            let spec = simulated_cluster(&format!("crash_{revision}"), 2, simulated_driver(20));
            let cluster = slacktide.api()?.register(spec).await?;
            let accepted = slacktide
                .api()?
                .stop(cluster.id, StopMode::Immediate)
                .await?;
            let crashed = crash_at(&mut slacktide, &accepted, |change| {
                change.revision == revision
            })
            .await?;
            let task = assert_ends_well(&slacktide.api()?, accepted).await?;
            if !crashed {
                ensure!(revision > task.revision, "revision {revision} was not seen");
                return Ok(());
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn at_every_touch_of_a_real_server() -> Result<()> {
    with_engine("at_every_touch_of_a_real_server", LIMIT, async |home| {
        let mut engine = Engine::start(home).await?;
        let mut slacktide = Slacktide::start().await?;
        for name in HOST_STEPS {
            for status in [SubtaskStatus::Running, SubtaskStatus::Successful] {
                if !engine.process().is_running() {
                    engine.restart().await?;
                }
                crash_once(&mut slacktide, &engine, name, status)
                    .await
                    .map_err(|error| error.context(format!("{name}, {status:?}")))?;
            }
        }
        Ok(())
    })
    .await
}

/// Stops the server, crashes when the subtask `name` reaches `status`, and checks how it ends.
async fn crash_once(
    slacktide: &mut Slacktide,
    engine: &Engine,
    name: &str,
    status: SubtaskStatus,
) -> Result<()> {
    let api = slacktide.api()?;
    let label = format!("{}_{}", name.replace(' ', "_"), status.as_str_name());
    let cluster = api
        .register(cluster(&label, vec![vec![engine.spec()]]))
        .await?;
    let accepted = api.stop(cluster.id, StopMode::Immediate).await?;
    let is_point = |change: &TaskChange| match &change.change {
        Some(Change::Subtask(state)) => {
            is_named(&accepted, state, name) && state.status() == status
        }
        _ => false,
    };
    let crashed = crash_at(slacktide, &accepted, is_point).await?;
    let api = slacktide.api()?;
    let task = assert_ends_well(&api, accepted.clone()).await?;
    ensure!(crashed, "the step never was {status:?}");
    within(
        Duration::from_secs(1),
        "end of the server",
        engine.process().exited(),
    )
    .await?;
    assert_nothing_signalled_twice(&api, &task, engine).await?;
    // Frees the base directory for the next round's cluster.
    api.unregister(cluster.id).await
}

fn is_named(task: &Task, state: &SubtaskState, name: &str) -> bool {
    task.subtasks
        .iter()
        .any(|subtask| subtask.id == state.id && subtask.name == name)
}

async fn assert_nothing_signalled_twice(api: &Api, task: &Task, engine: &Engine) -> Result<()> {
    let mut count = BTreeMap::new();
    for sent in signals_sent(api, task).await? {
        assert_eq!(
            sent.pid,
            engine.process().pid(),
            "{sent:?} went to a stranger"
        );
        *count.entry(sent).or_insert(0) += 1;
    }
    assert!(
        count.values().all(|times| *times == 1),
        "signalled more than once: {count:?}"
    );
    Ok(())
}

#[tokio::test]
async fn while_a_server_shuts_down_in_order() -> Result<()> {
    with_engine("while_a_server_shuts_down_in_order", LIMIT, async |home| {
        let engine = Engine::start(home).await?;
        let mut slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let cluster = api
            .register(cluster("ordered", vec![vec![engine.spec()]]))
            .await?;
        let accepted = api.stop(cluster.id, StopMode::Graceful).await?;
        // The log is the only witness of the moment at which the signal went out.
        while signals_sent(&api, &accepted).await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The server takes five seconds from SIGUSR1 to its end.
        assert!(engine.process().is_running());
        slacktide.kill9().await?;
        slacktide.restart().await?;

        let api = slacktide.api()?;
        let task = assert_ends_well(&api, accepted).await?;
        let exited = engine.process().exited();
        let exit = within(Duration::from_secs(1), "end of the server", exited).await?;
        assert!(
            exit.status.success(),
            "the ordered shutdown was not cut short: {exit:?}"
        );
        assert_nothing_signalled_twice(&api, &task, &engine).await
    })
    .await
}
