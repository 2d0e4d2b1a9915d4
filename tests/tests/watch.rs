//! A watcher that resumes misses nothing and repeats nothing.

use std::time::Duration;

use anyhow::{Context, Result};
use slacktide_api::v1::{StopMode, Task, TaskChange, TaskStatus};
use slacktide_tests::{Api, Slacktide, fold, simulated_cluster, simulated_driver, within};
use tonic::Code;

const LIMIT: Duration = Duration::from_secs(90);

async fn stop_simulated(api: &Api, zones: usize, stop_ms: i64) -> Result<Task> {
    let name = format!("watched_{zones}_{stop_ms}");
    let cluster = api
        .register(simulated_cluster(&name, zones, simulated_driver(stop_ms)))
        .await?;
    api.stop(cluster.id, StopMode::Immediate).await
}

/// Every change of a finished task; their revisions are 1, 2, 3 …
async fn all_changes(api: &Api, task: i64) -> Result<Vec<TaskChange>> {
    let changes = api.watch(task, Some(0)).await?.rest().await?;
    let revisions: Vec<i64> = changes.iter().map(|change| change.revision).collect();
    let wanted: Vec<i64> = (1..).take(changes.len()).collect();
    assert_eq!(revisions, wanted);
    Ok(changes)
}

#[tokio::test]
async fn resumes_at_any_revision() -> Result<()> {
    within(LIMIT, "resume at any revision", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let task = stop_simulated(&api, 2, 10).await?;
        let task = api.finished(task.id).await?;
        let all = all_changes(&api, task.id).await?;
        assert_eq!(
            all.last().map(|change| change.revision),
            Some(task.revision)
        );
        for seen in 0..=all.len() {
            let after = i64::try_from(seen)?;
            let rest = api.watch(task.id, Some(after)).await?.rest().await?;
            assert_eq!(rest, all[seen..], "resumed after revision {after}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn revision_beyond_the_last_is_out_of_range() -> Result<()> {
    within(LIMIT, "out of range", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let task = stop_simulated(&api, 1, 10).await?;
        let task = api.finished(task.id).await?;
        for after in [task.revision + 1, i64::MAX] {
            let refusal = match api.watch(task.id, Some(after)).await {
                Ok(mut watch) => watch.next().await.err(),
                Err(refusal) => Some(refusal),
            };
            let code = refusal.context("the watch is refused")?.code();
            assert_eq!(code, Code::OutOfRange, "after revision {after}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn connection_dropped_after_every_change() -> Result<()> {
    within(LIMIT, "dropped connections", async {
        let slacktide = Slacktide::start().await?;
        let task = stop_simulated(&slacktide.api()?, 3, 100).await?;
        let mut seen = Vec::new();
        loop {
            let after = i64::try_from(seen.len())?;
            // A new connection each time; the old one goes with its client.
            let mut watch = slacktide.api()?.watch(task.id, Some(after)).await?;
            let Some(change) = watch.next().await? else {
                break;
            };
            seen.push(change);
        }
        let api = slacktide.api()?;
        assert_eq!(api.task(task.id).await?.status(), TaskStatus::Successful);
        assert_eq!(seen, all_changes(&api, task.id).await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn server_restarts_while_watched() -> Result<()> {
    within(LIMIT, "restart while watched", async {
        let mut slacktide = Slacktide::start().await?;
        let task = stop_simulated(&slacktide.api()?, 3, 300).await?;
        let mut seen = Vec::new();
        for round in 0..3 {
            let after = i64::try_from(seen.len())?;
            let mut watch = slacktide.api()?.watch(task.id, Some(after)).await?;
            for _ in 0..4 {
                seen.push(watch.next().await?.context("the task ended early")?);
            }
            if round % 2 == 0 {
                slacktide.kill9().await?;
            } else {
                slacktide.sigterm().await?;
            }
            slacktide.restart().await?;
        }
        let api = slacktide.api()?;
        let after = i64::try_from(seen.len())?;
        seen.extend(api.watch(task.id, Some(after)).await?.rest().await?);
        assert_eq!(seen, all_changes(&api, task.id).await?);
        assert_eq!(api.task(task.id).await?.status(), TaskStatus::Successful);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn snapshot_and_changes_give_the_rows() -> Result<()> {
    within(LIMIT, "snapshot and changes", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        let accepted = stop_simulated(&api, 3, 100).await?;
        let mut watch = api.watch(accepted.id, None).await?;
        let mut task = watch.snapshot().await?;
        for change in watch.rest().await? {
            fold(&mut task, &change)?;
        }
        let rows = api.task(accepted.id).await?;
        assert_eq!(task.subtasks, rows.subtasks);
        assert_eq!(
            (task.status, task.revision, task.finish_time),
            (rows.status, rows.revision, rows.finish_time)
        );
        Ok(())
    })
    .await
}
