use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::directory;

/// A cluster file for the command line, removed on drop.
#[derive(Debug)]
pub struct ClusterFile {
    directory: TempDir,
}

impl ClusterFile {
    /// Writes a cluster file.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(text: &str) -> Result<Self> {
        let directory = directory()?;
        std::fs::write(path(directory.path()), text).context("write the cluster file")?;
        Ok(Self { directory })
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        path(self.directory.path())
    }

    /// Text of a file with one zone for each item of `stop_ms`, each with one simulated server that takes
    /// that many milliseconds to end.
    #[must_use]
    pub fn simulated(name: &str, stop_ms: &[u32]) -> String {
        let mut text = format!("name = \"{name}\"\nob_cluster_id = 22\n");
        for (stop_ms, number) in stop_ms.iter().zip(1..) {
            text += &format!(
                "[[zones]]\nname = \"zone{number}\"\n[[zones.servers]]\nip = \"127.0.0.1\"\n\
                 sql_port = {}\nrpc_port = {}\n\
                 driver = {{ kind = \"simulated\", stop_ms = {stop_ms} }}\n",
                2881 + 2 * number,
                2882 + 2 * number,
            );
        }
        text
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("cluster.toml")
}
