use anyhow::{Context, Result};
use tempfile::TempDir;

/// An empty directory, removed on drop.
///
/// Its name does not begin with a dot, as temporary directories usually do here: below such a one the
/// database engine starts once and never again.
///
/// # Errors
/// When it can't be made.
pub fn directory() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("slacktide-test-")
        .tempdir()
        .context("make a directory")
}
