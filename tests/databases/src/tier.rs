use anyhow::{Result, ensure};

use crate::programs::setting;

/// Whether a case can run, given what `available` of a server says. Where it cannot, its name and the reason are
/// printed.
///
/// # Errors
/// Under `CI=true`, where a case that cannot run is a failure.
#[expect(
    clippy::print_stderr,
    reason = "a skipped case names itself in the test's output"
)]
pub fn runs(case: &str, available: Result<(), String>) -> Result<bool> {
    let Err(reason) = available else {
        return Ok(true);
    };
    ensure!(
        setting("CI").as_deref() != Some("true"),
        "{case}: {reason}; run the tests with scripts/test"
    );
    eprintln!("SKIPPED {case}: {reason}");
    Ok(false)
}
