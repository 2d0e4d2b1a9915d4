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

use anyhow::Result;

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
    let quick = std::env::args().any(|argument| argument == "--quick");
    let scale = if quick { 10 } else { 1 };
    let mut table = Table::new();
    table.machine();
    limit::fdatasync(&mut table)?;
    idle::run(&mut table).await?;
    engine::run(&mut table).await?;
    for database in Database::available().await? {
        limit::commits(&mut table, &database).await?;
        stops::alone(&mut table, &database, scale).await?;
        stops::many(&mut table, &database, scale).await?;
        stops::by_servers(&mut table, &database, scale).await?;
        stops::by_finished_tasks(&mut table, &database, scale).await?;
        accept::run(&mut table, &database, scale).await?;
        watchers::run(&mut table, &database, scale).await?;
    }
    table.print();
    Ok(())
}
