//! Whether the process can be given work: it serves, it does not drain, and the database answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use slacktide_store::Store;
use tokio_util::sync::CancellationToken;

/// How often the database is asked.
const INTERVAL: Duration = Duration::from_secs(2);

pub(super) struct Readiness {
    drain: CancellationToken,
    database: Arc<AtomicBool>,
}

impl Readiness {
    pub(super) fn new(drain: CancellationToken) -> Self {
        Self {
            drain,
            database: Arc::new(AtomicBool::new(true)),
        }
    }

    /// What the admin listener asks.
    pub(super) fn check(&self) -> impl Fn() -> Result<(), String> + Clone + Send + Sync + 'static {
        let (drain, database) = (self.drain.clone(), Arc::clone(&self.database));
        move || {
            if drain.is_cancelled() {
                Err("draining".to_owned())
            } else if !database.load(Ordering::Relaxed) {
                Err("the database does not answer".to_owned())
            } else {
                Ok(())
            }
        }
    }

    /// Keeps asking the database, until the process drains.
    pub(super) async fn watch(self, store: Store) {
        while !self.drain.is_cancelled() {
            let answers = store.ping().await.is_ok();
            self.database.store(answers, Ordering::Relaxed);
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = self.drain.cancelled() => {}
            }
        }
    }
}
