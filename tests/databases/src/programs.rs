use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// The first of `names` that is in one of the `directories` or on PATH.
pub(crate) fn find(names: &[&str], directories: &[PathBuf]) -> Option<PathBuf> {
    let path = setting("PATH").unwrap_or_default();
    // Where Debian puts servers; not on the PATH of every user.
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let places: Vec<_> = directories
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path))
        .chain(system)
        .collect();
    names
        .iter()
        .flat_map(|name| places.iter().map(move |place| place.join(name)))
        .find(|program| program.is_file())
}

/// As [`find`], or a sentence that says what to install.
pub(crate) fn need(
    names: &[&str],
    directories: &[PathBuf],
    package: &str,
) -> Result<PathBuf, String> {
    let missing = || format!("{} was not found; install {package}", names.join(" or "));
    find(names, directories).ok_or_else(missing)
}

/// Runs a program that prepares a server.
pub(crate) async fn run(command: &[String], directory: &Path) -> Result<()> {
    let (program, arguments) = command.split_first().context("a command has a program")?;
    let done = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("start {program}"))?;
    let told = [done.stdout, done.stderr].concat();
    ensure!(
        done.status.success(),
        "{command:?} ended with {}: {}",
        done.status,
        String::from_utf8_lossy(&told)
    );
    Ok(())
}

/// Whether this process may become another user.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A path as an argument of a command.
pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this package reads its environment"
)]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
