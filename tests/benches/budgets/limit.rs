//! What bounds the figures: the disk, and the databases with next to nothing on top.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::database::{Database, Kind};
use crate::table::Table;

/// Writes 4 KiB and waits for the disk, again and again.
const FDATASYNC: &str = r"
import os, tempfile, time
times = []
with tempfile.TemporaryFile() as file:
    os.write(file.fileno(), b'x' * 4096 * 64)
    os.fsync(file.fileno())
    for index in range(1000):
        os.pwrite(file.fileno(), b'y' * 4096, 4096 * (index % 64))
        began = time.perf_counter()
        os.fdatasync(file.fileno())
        times.append(time.perf_counter() - began)
times.sort()
print('p50 %.0f us, p99 %.0f us' % (times[500] * 1e6, times[990] * 1e6))
";

/// A bare loop on SQLite: one row a commit, with the durability that slacktide uses.
const SQLITE: &str = r"
import os, sqlite3, tempfile, time
with tempfile.TemporaryDirectory() as directory:
    database = sqlite3.connect(os.path.join(directory, 'bare.db'), isolation_level=None)
    database.execute('PRAGMA journal_mode=WAL')
    database.execute('PRAGMA synchronous=FULL')
    database.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT)')
    began, commits = time.perf_counter(), 0
    while time.perf_counter() - began < 2:
        database.execute('BEGIN IMMEDIATE')
        database.execute('INSERT INTO t (a, b) VALUES (?, ?)', (commits, 'x' * 80))
        database.execute('COMMIT')
        commits += 1
    print('%.0f' % (commits / (time.perf_counter() - began)))
";

pub(crate) fn fdatasync(table: &mut Table) -> Result<()> {
    table.fact("fdatasync of 4 KiB", python(FDATASYNC)?);
    Ok(())
}

/// Commits of one row in a second, by a bare loop on the same database.
pub(crate) async fn commits(table: &mut Table, database: &Database) -> Result<()> {
    match &database.kind {
        Kind::Sqlite => {
            let rate = python(SQLITE)?;
            table.fact("SQLite: bare commits of one row", format!("{rate} /s"));
        }
        Kind::Postgres(postgres) => {
            let url = postgres.fresh_database().await?;
            let create = "CREATE TABLE bare (id BIGSERIAL PRIMARY KEY, a BIGINT, b TEXT);";
            pgbench(&url, create, &["-t", "1"])?;
            for clients in [1, 2, 8] {
                let insert = "INSERT INTO bare (a, b) VALUES (1, repeat('x', 80));";
                let clients_flag = clients.to_string();
                let rate = pgbench(
                    &url,
                    insert,
                    &["-M", "prepared", "-T", "2", "-c", &clients_flag],
                )?;
                let what = format!("PostgreSQL: bare commits of one row, {clients} connections");
                table.fact(what, format!("{rate:.0} /s"));
            }
        }
    }
    Ok(())
}

/// Runs a statement with pgbench. Returns transactions a second.
fn pgbench(url: &str, statement: &str, arguments: &[&str]) -> Result<f64> {
    let mut script = tempfile::NamedTempFile::new()?;
    std::io::Write::write_all(&mut script, statement.as_bytes())?;
    let mut command = Command::new(installed("pgbench"));
    command
        .arg("-n")
        .args(arguments)
        .arg("-f")
        .arg(script.path())
        .arg(url);
    let output = command.output().context("run pgbench")?;
    ensure!(
        output.status.success(),
        "pgbench: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8_lossy(&output.stdout);
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
    Ok(rate.context("pgbench names no rate")?.parse()?)
}

/// Debian keeps the programs of each version in a directory that is not on PATH.
fn installed(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let found = versions.map(|version| version.path().join("bin").join(program));
    found
        .filter(|path| path.is_file())
        .max()
        .unwrap_or_else(|| program.into())
}

fn python(program: &str) -> Result<String> {
    let output = Command::new("python3").args(["-c", program]).output();
    let output = output.context("run python3")?;
    ensure!(
        output.status.success(),
        "python3: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
