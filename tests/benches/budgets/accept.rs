//! How long it takes until a stop is accepted, at a steady rate, over gRPC and over REST.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use slacktide_tests::{KeptRest, Slacktide};
use tokio::task::JoinSet;

use crate::database::Database;
use crate::stops::{register, stop_request};
use crate::table::{Table, percentile, time};

const RATE: u32 = 500;
const SECONDS: usize = 6;
const CONNECTIONS: usize = 16;

pub(crate) async fn run(table: &mut Table, database: &Database, scale: usize) -> Result<()> {
    let slacktide = database.serve().await?;
    let api = slacktide.api()?;
    let count = RATE as usize * SECONDS / scale;
    let warm = register(&api, "warm", 50).await?;
    over_grpc(&slacktide, warm).await?;
    let mut grpc = over_grpc(&slacktide, register(&api, "grpc", count).await?).await?;
    let mut rest = over_rest(&slacktide, register(&api, "rest", count).await?).await?;
    let name = database.name();
    let p99 = percentile(&mut grpc, 0.99);
    let what = format!("{name}: StopCluster accepted at {RATE}/s, p99");
    table.at_most(what, p99, Duration::from_millis(10));
    let (grpc, rest) = (percentile(&mut grpc, 0.5), percentile(&mut rest, 0.5));
    let what = format!("{name}: StopCluster accepted at {RATE}/s, p50");
    table.fact(what, format!("gRPC {}, REST {}", time(grpc), time(rest)));
    let what = format!("{name}: REST over gRPC, p50");
    table.at_most(what, rest.saturating_sub(grpc), Duration::from_micros(300));
    Ok(())
}

/// Begins a call at each tick, however long the calls before it take.
async fn paced<F>(ids: Vec<i64>, mut call: impl FnMut(usize, i64) -> F) -> Result<Vec<Duration>>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut calls = JoinSet::new();
    for (number, id) in ids.into_iter().enumerate() {
        let due = ticks.tick().await.into_std();
        let calling = call(number, id);
        calls.spawn(async move {
            calling.await?;
            // From when it was due: a server that keeps the clients waiting does not look faster for it.
            anyhow::Ok(Instant::now().duration_since(due))
        });
    }
    let mut times = Vec::new();
    while let Some(ended) = calls.join_next().await {
        times.push(ended??);
    }
    Ok(times)
}

async fn over_grpc(slacktide: &Slacktide, ids: Vec<i64>) -> Result<Vec<Duration>> {
    let apis = (0..CONNECTIONS)
        .map(|_| slacktide.api())
        .collect::<Result<Vec<_>>>()?;
    paced(ids, |number, id| {
        let api = apis[number % CONNECTIONS].clone();
        async move {
            api.stop_with(stop_request(id)).await?;
            Ok(())
        }
    })
    .await
}

async fn over_rest(slacktide: &Slacktide, ids: Vec<i64>) -> Result<Vec<Duration>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(KeptRest::connect(&slacktide.rest()).await?);
    }
    paced(ids, |number, id| {
        let client = clients[number % CONNECTIONS].clone();
        async move {
            let path = format!("/api/v2/ob/clusters/{id}/stop");
            let answer = client.post(&path, r#"{"mode":"IMMEDIATE"}"#).await?;
            ensure!(answer.status.is_success(), "{}", answer.text());
            Ok(())
        }
    })
    .await
}
