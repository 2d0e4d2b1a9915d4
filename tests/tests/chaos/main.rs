//! Stops and starts of clusters while the processes that carry them out are killed and halted at random.
//!
//! Whatever dies: every task ends, none is carried out twice, no subtask acts twice under one intent, no history
//! has an illegal transition, and every watcher sees each revision once. The seed of a run is printed;
//! `SLACKTIDE_CHAOS_SEED` repeats its choices.
#![expect(
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of whole processes: it prints its seed, and reads it from the environment"
)]

mod fleet;
mod follower;
mod operator;
mod proof;
mod random;
mod storm;

use std::time::Duration;

use anyhow::Result;
use slacktide_test_databases::{MariaDb, OceanBase, Postgres, runs};
use slacktide_tests::{Engine, cluster, with_engine, within};

use fleet::Fleet;
use operator::Work;
use random::Random;

/// How many stops and starts there are on each database.
const OPERATIONS: usize = 200;
/// The same on real database servers, which take seconds to start.
const REAL_OPERATIONS: usize = 20;
const LIMIT: Duration = Duration::from_secs(420);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() -> Result<()> {
    storm_over("on_sqlite", None, Work::simulated(OPERATIONS)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() -> Result<()> {
    if !runs("chaos on PostgreSQL", Postgres::available())? {
        return Ok(());
    }
    let url = Postgres::shared().await?.fresh_database().await?;
    storm_over("on_postgres", Some(url), Work::simulated(OPERATIONS)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_mariadb() -> Result<()> {
    if !runs("chaos on MariaDB", MariaDb::available())? {
        return Ok(());
    }
    let url = MariaDb::shared().await?.fresh_database().await?;
    storm_over("on_mariadb", Some(url), Work::simulated(OPERATIONS)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_oceanbase() -> Result<()> {
    if !runs("chaos on OceanBase", OceanBase::available())? {
        return Ok(());
    }
    let url = OceanBase::shared().await?.fresh_database().await?;
    storm_over("on_oceanbase", Some(url), Work::simulated(OPERATIONS)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_real_servers() -> Result<()> {
    if !runs("chaos on real servers", Postgres::available())? {
        return Ok(());
    }
    let url = Postgres::shared().await?.fresh_database().await?;
    with_engine("chaos on real servers", LIMIT, async |home| {
        let engines = Engine::start_many::<3>(home).await?;
        let zones = engines.iter().map(|engine| vec![engine.spec()]).collect();
        let work = Work::on(cluster("real", zones), REAL_OPERATIONS);
        storm_over("on_real_servers", Some(url), work).await?;
        for engine in &engines {
            engine.serves().await?;
        }
        Ok(())
    })
    .await
}

async fn storm_over(case: &str, database: Option<String>, work: Work) -> Result<()> {
    let mut random = Random::from_environment(case);
    within(LIMIT, case, async {
        let fleet = Fleet::start(database).await?;
        let clusters = work.register(&fleet).await?;
        let calls = fleet.calls();
        let storm = storm::Storm::begin(fleet, random.branch());
        let done = operator::carry_out(&calls, &work, &clusters, &mut random).await;
        // The storm is over before anything is said, or its processes would outlive a failed test.
        let (fleet, weather) = storm.end().await?;
        let done = done?;
        eprintln!("{case}: {} tasks, {weather}, {done}", done.tasks());
        proof::check(&fleet, &clusters, &done).await
    })
    .await
}
