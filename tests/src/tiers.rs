//! What the machine offers to the cases. `scripts/test` provides it and says so in the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::within;

/// Runs a case that needs the database engine, with the directory into which the engine was unpacked.
/// Where the machine has none, the case is skipped and its name printed.
///
/// # Errors
/// When the case fails or takes longer than `limit`, or when the engine is missing under `CI=true`.
pub async fn with_engine(
    case: &str,
    limit: Duration,
    run: impl AsyncFnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let Some(home) = required(case, "SLACKTIDE_TEST_ENGINE")? else {
        return Ok(());
    };
    within(limit, case, run(&home)).await
}

/// Path of `buf`. `None`: the case has to be skipped, and its name was printed.
///
/// # Errors
/// Under `CI=true` a missing `buf` is a failure.
pub fn buf(case: &str) -> Result<Option<PathBuf>> {
    required(case, "SLACKTIDE_TEST_BUF")
}

/// Path of `grpcurl`, where it is installed. Never required: `buf` makes the same calls.
pub fn grpcurl(case: &str) -> Option<PathBuf> {
    let found = setting("PATH")?
        .split(':')
        .map(|directory| PathBuf::from(directory).join("grpcurl"))
        .find(|program| program.is_file());
    if found.is_none() {
        skip(case, "grpcurl is not on PATH");
    }
    found
}

fn required(case: &str, name: &str) -> Result<Option<PathBuf>> {
    let found = setting(name).map(PathBuf::from);
    if found.is_none() {
        ensure!(
            setting("CI").as_deref() != Some("true"),
            "{case}: {name} is not set; run the tests with scripts/test"
        );
        skip(case, &format!("{name} is not set; scripts/test sets it"));
    }
    Ok(found)
}

#[expect(
    clippy::print_stderr,
    reason = "a skipped case names itself in the test's output"
)]
fn skip(case: &str, reason: &str) {
    eprintln!("SKIPPED {case}: {reason}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the kit reads its environment"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
