//! A stop loses no row that the database acknowledged.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use slacktide_api::v1::{StopMode, TaskStatus};
use slacktide_tests::{Engine, Slacktide, cluster, with_engine};
use tokio::sync::watch;
use tokio::task::JoinSet;

const LIMIT: Duration = Duration::from_secs(180);
/// How many rows are acknowledged before the stop begins.
const HEAD_START: u64 = 200;

#[tokio::test]
async fn graceful_stop_loses_no_row() -> Result<()> {
    let run = async |home: &Path| loses_no_row(home, StopMode::Graceful).await;
    with_engine("graceful_stop_loses_no_row", LIMIT, run).await
}

#[tokio::test]
async fn immediate_stop_loses_no_row() -> Result<()> {
    let run = async |home: &Path| loses_no_row(home, StopMode::Immediate).await;
    with_engine("immediate_stop_loses_no_row", LIMIT, run).await
}

async fn loses_no_row(home: &Path, mode: StopMode) -> Result<()> {
    let mut engine = Engine::start(home).await?;
    let slacktide = Slacktide::start().await?;
    let api = slacktide.api()?;
    let cluster = api
        .register(cluster("written", vec![vec![engine.spec()]]))
        .await?;

    let mut session = engine.connect().await?;
    session
        .query_drop("CREATE TABLE test.written (id BIGINT PRIMARY KEY)")
        .await?;
    let (tell, mut acknowledged) = watch::channel(0);
    let mut writer = JoinSet::new();
    writer.spawn(write_until_refused(session, tell));
    acknowledged
        .wait_for(|rows| *rows >= HEAD_START)
        .await
        .context("the writer ended early")?;

    let task = api.stop(cluster.id, mode).await?;
    let task = api.finished(task.id).await?;
    assert_eq!(task.status(), TaskStatus::Successful, "{}", task.error);
    writer.join_next().await.context("the writer")??;
    let acknowledged = *acknowledged.borrow();

    engine.restart().await?;
    let mut session = engine.connect().await?;
    let rows: Vec<u64> = session.query("SELECT id FROM test.written").await?;
    let rows: HashSet<u64> = rows.into_iter().collect();
    let lost: Vec<u64> = (1..=acknowledged).filter(|id| !rows.contains(id)).collect();
    assert!(
        lost.is_empty(),
        "{} of {acknowledged} acknowledged rows are lost",
        lost.len()
    );
    Ok(())
}

/// Writes the rows 1, 2, 3 … and tells after each how far the server acknowledged them.
async fn write_until_refused(mut session: Conn, acknowledged: watch::Sender<u64>) {
    for id in 1.. {
        if session
            .exec_drop("INSERT INTO test.written VALUES (?)", (id,))
            .await
            .is_err()
        {
            return;
        }
        acknowledged.send_replace(id);
    }
}
