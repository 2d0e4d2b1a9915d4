//! Many watchers of one task.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use slacktide_api::v1::{StopMode, TaskChange};
use slacktide_tests::{Slacktide, simulated_cluster, simulated_driver};
use tokio::task::JoinSet;

use crate::database::Database;
use crate::idle::resident;
use crate::table::{Table, percentile, time};

/// Streams on one connection; a server lets no client have many more.
const STREAMS: usize = 100;

/// How long the server that is stopped takes to end: all watchers are there by then.
const STOP_MS: i64 = 12_000;

pub(crate) async fn run(table: &mut Table, database: &Database, scale: usize) -> Result<()> {
    for watchers in [1, 100, 1_000, 10_000 / scale] {
        let slacktide = database.serve().await?;
        let (mut delays, each) = watched(&slacktide, watchers).await?;
        let last = percentile(&mut delays, 1.0);
        let what = format!(
            "{}: a change reaches the last of {watchers} watchers",
            database.name()
        );
        table.at_most(what, last, Duration::from_millis(100));
        if watchers >= 1_000 {
            let what = format!("{}: memory of each of {watchers} watchers", database.name());
            table.at_most_number(what, each, 20.0, "KiB");
        } else {
            let p50 = time(percentile(&mut delays, 0.5));
            let what = format!("{}: and the median one", database.name());
            table.fact(what, p50);
        }
    }
    Ok(())
}

/// Returns each watcher's delay at the last change, and what a watcher costs in KiB.
async fn watched(slacktide: &Slacktide, count: usize) -> Result<(Vec<Duration>, f64)> {
    let api = slacktide.api()?;
    let spec = simulated_cluster("watched", 1, simulated_driver(STOP_MS));
    let id = api.register(spec).await?.id;
    let before = resident(slacktide)?;
    let task = api.stop(id, StopMode::Immediate).await?;
    let mut watchers = JoinSet::new();
    let mut apis = Vec::new();
    for number in 0..count {
        if number % STREAMS == 0 {
            apis.push(slacktide.api()?);
        }
        let api = apis.last().context("no connection")?.clone();
        let mut watch = api.watch(task.id, Some(0)).await?;
        watchers.spawn(async move {
            let mut delay = Duration::ZERO;
            while let Some(change) = watch.next().await? {
                delay = delay_of(&change);
            }
            anyhow::Ok(delay)
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let each = (resident(slacktide)? - before).max(0.0) / count as f64;
    let mut delays = Vec::new();
    while let Some(watcher) = watchers.join_next().await {
        delays.push(watcher??);
    }
    Ok((delays, each))
}

/// From the commit to now: client and server have the same clock.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with a time of the same clock"
)]
fn delay_of(change: &TaskChange) -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let committed = change.time.as_ref().map_or(now, |time| {
        Duration::new(
            time.seconds.try_into().unwrap_or(0),
            time.nanos.try_into().unwrap_or(0),
        )
    });
    now.saturating_sub(committed)
}
