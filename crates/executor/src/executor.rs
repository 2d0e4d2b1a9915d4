//! The executor as its process sees it: it begins, works, and drains.

use slacktide_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{lease, observing, options::Options, recovery, worker::Worker};

/// Why an executor could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// Its lease could not be written.
    #[error("the executor cannot begin its lease")]
    Lease(#[from] StoreError),
}

/// An executor with a lease.
pub struct Executor {
    worker: Worker,
}

impl Executor {
    /// Begins a lease under an id that no other start of any executor has. Once `drain` fires it claims no more.
    ///
    /// # Errors
    /// [`ExecutorError::Lease`].
    pub async fn begin(
        store: Store,
        id: String,
        options: Options,
        drain: CancellationToken,
    ) -> Result<Self, ExecutorError> {
        let worker = Worker::new(store, id, options, drain);
        let (store, alone) = (worker.store(), worker.options().alone);
        store.begin_lease(lease::new(&worker), alone).await?;
        worker.learn_selectors().await?;
        let host = &worker.options().host;
        tracing::info!(executor = worker.id(), host, "executor began");
        Ok(Self { worker })
    }

    /// Works until it is told to drain, then ends or hands back what it runs and gives up its lease.
    pub async fn run(self) {
        let Self { worker } = self;
        let working = async {
            worker.claim_until_drained().await;
            worker.drain().await;
        };
        tokio::select! {
            () = working => {}
            // These go on while the rest drains: the lease must not run out under the last runs, and what is
            // canceled ends.
            () = lease::keep(&worker) => {}
            () = recovery::recover_forever(&worker) => {}
            () = recovery::cancel_forever(&worker) => {}
            () = observing::observe_forever(&worker) => {}
        }
        lease::give_up(&worker).await;
    }
}
