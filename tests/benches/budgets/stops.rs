//! Stops of simulated clusters: one after the other, many at once, and what they cost as things grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use slacktide_api::v1::{ListTasksRequest, StopClusterRequest, StopMode, TaskStatus, TaskView};
use slacktide_tests::{
    Api, Slacktide, cluster, simulated_cluster, simulated_driver, simulated_server,
};
use tokio::task::JoinSet;

use crate::database::Database;
use crate::table::{Table, percentile, time};

const ALONE: usize = 300;
const MANY: usize = 6_000;
const CLIENTS: usize = 256;
const FINISHED: usize = 10_000;
const ZONES: usize = 3;

/// One stop at a time, from the call to the end of its watch.
pub(crate) async fn alone(table: &mut Table, database: &Database, scale: usize) -> Result<()> {
    let slacktide = database.serve().await?;
    let api = slacktide.api()?;
    let clusters = register(&api, "alone", ALONE / scale).await?;
    let mut times = Vec::new();
    for id in clusters {
        times.push(stop_and_watch(&api, id).await?);
    }
    let (name, p99) = (database.name(), percentile(&mut times, 0.99));
    let p50 = percentile(&mut times, 0.5);
    table.at_most(
        format!("{name}: one stop of 11 subtasks, p50"),
        p50,
        Duration::from_millis(3),
    );
    table.fact(format!("{name}: one stop of 11 subtasks, p99"), time(p99));
    Ok(())
}

/// Many stops at once, from the first call to the last end.
pub(crate) async fn many(table: &mut Table, database: &Database, scale: usize) -> Result<()> {
    let slacktide = database.serve().await?;
    let api = slacktide.api()?;
    let ids = register(&api, "many", MANY / scale).await?;
    let rate = stop_all(&slacktide, ids).await?;
    let what = format!("{}: many stops at once", database.name());
    table.at_least(what, rate, 3_000.0, "tasks/s");
    Ok(())
}

/// Three zones with ever more servers.
pub(crate) async fn by_servers(table: &mut Table, database: &Database, scale: usize) -> Result<()> {
    let slacktide = database.serve().await?;
    let api = slacktide.api()?;
    let name = database.name();
    let mut first = None;
    for servers in [9, 99, 999, 3_000 / scale] {
        let rounds = (99 / servers).clamp(1, 5);
        let mut times = Vec::new();
        let subtasks = 2 * ZONES + 3 * servers + 6;
        for round in 0..rounds {
            let zone = |_| (0..servers / ZONES).map(|_| simulated_server(simulated_driver(0)));
            let zones = (0..ZONES)
                .map(|zone_number| zone(zone_number).collect())
                .collect();
            let spec = cluster(&format!("wide_{servers}_{round}"), zones);
            let id = api.register(spec).await?.id;
            times.push(stop_and_watch(&api, id).await?);
        }
        let took = percentile(&mut times, 0.5);
        let each = took / u32::try_from(subtasks)?;
        let what = format!("{name}: {ZONES} zones, {servers} servers ({subtasks} subtasks)");
        if servers >= 3_000 {
            table.at_most(what, took, Duration::from_secs(3));
        } else {
            table.fact(what, format!("{} ({} each)", time(took), time(each)));
        }
        let growth = each.as_secs_f64() / first.get_or_insert(each).as_secs_f64();
        if servers > 9 {
            let what = format!("{name}: cost of a subtask, {servers} servers to 9");
            table.at_most_number(what, growth, 1.5, "x");
        }
    }
    Ok(())
}

/// One stop at a time, with few and with many finished tasks in the database.
pub(crate) async fn by_finished_tasks(
    table: &mut Table,
    database: &Database,
    scale: usize,
) -> Result<()> {
    let slacktide = database.serve().await?;
    let api = slacktide.api()?;
    let mut p50 = Vec::new();
    for (round, finished) in [1, FINISHED / scale].into_iter().enumerate() {
        let ids = register(&api, &format!("finished_{round}"), finished).await?;
        stop_all(&slacktide, ids).await?;
        let mut times = Vec::new();
        for id in register(&api, &format!("measured_{round}"), 100).await? {
            times.push(stop_and_watch(&api, id).await?);
        }
        p50.push(percentile(&mut times, 0.5).as_secs_f64());
    }
    let what = format!(
        "{}: one stop, {} finished tasks to 1",
        database.name(),
        FINISHED / scale
    );
    table.fact(what, format!("{:.2} x", p50[1] / p50[0]));
    Ok(())
}

/// Registers clusters of one simulated server each. Returns their ids.
pub(crate) async fn register(api: &Api, prefix: &str, count: usize) -> Result<Vec<i64>> {
    let mut ids = Vec::with_capacity(count);
    let mut registering = JoinSet::new();
    for number in 0..count {
        if registering.len() >= CLIENTS {
            ids.extend(registering.join_next().await.transpose()?.transpose()?);
        }
        let (api, name) = (api.clone(), format!("{prefix}_{number}"));
        registering.spawn(async move {
            let spec = simulated_cluster(&name, 1, simulated_driver(0));
            anyhow::Ok(api.register(spec).await?.id)
        });
    }
    while let Some(registered) = registering.join_next().await {
        ids.push(registered??);
    }
    Ok(ids)
}

pub(crate) fn stop_request(id: i64) -> StopClusterRequest {
    StopClusterRequest {
        id,
        mode: StopMode::Immediate.into(),
        view: TaskView::Basic.into(),
        ..Default::default()
    }
}

async fn stop_and_watch(api: &Api, id: i64) -> Result<Duration> {
    let began = Instant::now();
    let task = api.stop_with(stop_request(id)).await?;
    let mut watch = api.watch(task.id, Some(task.revision)).await?;
    while watch.next().await?.is_some() {}
    Ok(began.elapsed())
}

/// Stops all clusters with many clients at once. Returns how many tasks ended in a second.
async fn stop_all(slacktide: &Slacktide, ids: Vec<i64>) -> Result<f64> {
    let (count, next, ids) = (ids.len(), Arc::new(AtomicUsize::new(0)), Arc::new(ids));
    let began = Instant::now();
    let mut clients = JoinSet::new();
    // A connection carries many calls; a few are enough, and cheaper.
    let connections = (0..8)
        .map(|_| slacktide.api())
        .collect::<Result<Vec<_>>>()?;
    for client in 0..CLIENTS.min(count) {
        let api = connections[client % connections.len()].clone();
        let (ids, next) = (Arc::clone(&ids), Arc::clone(&next));
        clients.spawn(async move {
            while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                api.stop_with(stop_request(*id)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    let api = slacktide.api()?;
    loop {
        let running = count_of(&api, TaskStatus::Running).await?;
        if running == 0 {
            break;
        }
        // Nothing announces the end of all tasks.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = began.elapsed();
    let failed = count_of(&api, TaskStatus::Failed).await?;
    ensure!(failed == 0, "{failed} tasks failed");
    Ok(count as f64 / took.as_secs_f64())
}

async fn count_of(api: &Api, status: TaskStatus) -> Result<i64> {
    let request = ListTasksRequest {
        page_size: 1,
        statuses: vec![status.into()],
        ..Default::default()
    };
    Ok(api
        .tasks
        .clone()
        .list_tasks(request)
        .await?
        .into_inner()
        .total_size)
}
