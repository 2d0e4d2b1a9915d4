//! What a process keeps: its data directory, and its way into the database.

use std::{path::Path, time::Duration};

use anyhow::Context;
use slacktide_store::Store;

use crate::{
    config::Settings,
    data_dir::{DataDir, DataDirLock},
    database::Database,
};

/// How long the database has to close once nothing should use it any more. What was committed is durable
/// anyway.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

/// The data directory, locked, and the open database.
pub(super) struct Storage {
    store: Store,
    data_dir: DataDir,
    shared: bool,
    _locks: Vec<DataDirLock>,
}

impl Storage {
    /// Takes the data directory and opens the database. A SQLite file has one serving process, wherever it
    /// lies: the directory that holds it is taken, too.
    ///
    /// # Errors
    /// That another process has it, or why the database cannot be used.
    pub(super) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let data_dir = DataDir::prepare(&settings.data_dir)?;
        let mut locks = vec![data_dir.lock()?];
        let database = Database::of(settings)?;
        if let Some(directory) = database.directory() {
            let directory = DataDir::prepare(&directory)?;
            if directory.path() != data_dir.path() {
                locks.push(directory.lock()?);
            }
        }
        let store = database.open().await?;
        if database.is_shared() {
            let nats = settings.nats.url.as_deref();
            let shared = store.share_signals(nats).await;
            shared.context("cannot share wake-ups with other processes; see nats.url")?;
        }
        Ok(Self {
            store,
            data_dir,
            shared: database.is_shared(),
            _locks: locks,
        })
    }

    pub(super) fn store(&self) -> Store {
        self.store.clone()
    }

    pub(super) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Whether other processes may use the database, too.
    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Closes the database, and then lets go of the data directory.
    pub(super) async fn close(self) {
        let closing = tokio::time::timeout(CLOSE_LIMIT, self.store.close());
        if closing.await.is_err() {
            tracing::warn!("something still uses the database, leaving it open");
        }
    }
}
