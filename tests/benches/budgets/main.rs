//! Measures every budget of docs/budgets.md in one go, and what bounds it, and prints a table.
//!
//! Run it with `scripts/bench`: it needs the release binary. Everything is measured from outside, as a client
//! sees it, against real processes. Machines are noisy: read ratios within one run, never two runs' figures.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark speaks to who runs it, and a broken one may panic"
)]

mod accept;
mod database;
mod engine;
mod idle;
mod limit;
mod stops;
mod table;
mod watchers;

use anyhow::{Result, bail};

use database::Database;
use table::Table;

fn main() -> Result<()> {
    // Half of the cores serve; the clients must not have more threads than the machine has cores.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<()> {
    let arguments = Arguments::parse()?;
    let scale = if arguments.quick { 10 } else { 1 };
    let wanted =
        |group: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == group);
    let mut table = Table::new();
    table.machine();
    limit::fdatasync(&mut table)?;
    if wanted("idle") {
        idle::run(&mut table).await?;
    }
    if wanted("engine") {
        engine::run(&mut table).await?;
    }
    for database in Database::available().await? {
        if wanted("limit") {
            limit::commits(&mut table, &database).await?;
        }
        if wanted("alone") {
            stops::alone(&mut table, &database, scale).await?;
        }
        if wanted("many") {
            stops::many(&mut table, &database, scale).await?;
        }
        if wanted("wide") {
            stops::by_servers(&mut table, &database, scale).await?;
        }
        if wanted("finished") {
            stops::by_finished_tasks(&mut table, &database, scale).await?;
        }
        if wanted("accept") {
            accept::run(&mut table, &database, scale).await?;
        }
        if wanted("watchers") {
            watchers::run(&mut table, &database, scale).await?;
        }
    }
    table.print();
    Ok(())
}

/// The groups of rows.
const GROUPS: [&str; 9] = [
    "idle", "engine", "limit", "alone", "many", "wide", "finished", "accept", "watchers",
];

struct Arguments {
    quick: bool,
    /// Groups; all if empty.
    only: Vec<String>,
}

impl Arguments {
    fn parse() -> Result<Self> {
        let mut arguments = Self {
            quick: false,
            only: Vec::new(),
        };
        for argument in std::env::args().skip(1) {
            match argument.as_str() {
                "--quick" => arguments.quick = true,
                // cargo says so to every benchmark.
                "--bench" => {}
                group if GROUPS.contains(&group) => arguments.only.push(argument),
                _ => bail!(
                    "{argument} is no group of rows; there are {}",
                    GROUPS.join(", ")
                ),
            }
        }
        Ok(arguments)
    }
}
