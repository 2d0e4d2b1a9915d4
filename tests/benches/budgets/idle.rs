//! All roles in one process, with nothing to do.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use slacktide_tests::Slacktide;

use crate::table::{Table, percentile};

const STARTS: usize = 5;
const MIB: f64 = 1024.0;

pub(crate) async fn run(table: &mut Table) -> Result<()> {
    let mut times = Vec::new();
    let mut first = Duration::ZERO;
    let began = Instant::now();
    let mut slacktide = Slacktide::start().await?;
    first += began.elapsed();
    for _ in 0..STARTS {
        slacktide.sigterm().await?;
        let began = Instant::now();
        slacktide.restart().await?;
        times.push(began.elapsed());
    }
    let budget = Duration::from_millis(150);
    table.at_most("exec to ready, a new directory", first, budget);
    table.at_most(
        "exec to ready, later, p50",
        percentile(&mut times, 0.5),
        budget,
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    let idle = resident(&slacktide)?;
    table.at_most_number("resident memory, idle", idle / MIB, 40.0, "MiB");
    slacktide
        .api()?
        .info
        .get_info(slacktide_api::v1::GetInfoRequest {})
        .await?;
    let used = resident(&slacktide)?;
    table.at_most_number("resident memory, after a sign-in", used / MIB, 40.0, "MiB");
    Ok(())
}

/// Resident memory in KiB.
pub(crate) fn resident(slacktide: &Slacktide) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", slacktide.process().pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.context("no VmRSS")?.parse()?)
}
