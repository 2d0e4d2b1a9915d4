//! Deletes tasks that are over and old.

use std::time::Duration;

use slacktide_engine::time::Micros;
use slacktide_store::{Store, clock};
use tokio_util::sync::CancellationToken;

/// How often to look for tasks that have become old.
const INTERVAL: Duration = Duration::from_secs(60);

/// Deletes what ended longer than `keep` ago, about `batch` rows a transaction, until the process drains. Where
/// several processes do so at once, each finds what the others left.
pub(super) async fn run(store: Store, keep: Duration, batch: usize, drain: CancellationToken) {
    let pruning = async {
        loop {
            prune(&store, keep, batch).await;
            tokio::time::sleep(INTERVAL).await;
        }
    };
    // A batch that is cut off here is done or undone as a whole.
    drain.run_until_cancelled(pruning).await;
}

async fn prune(store: &Store, keep: Duration, batch: usize) {
    let Micros(now) = clock::now();
    let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let before = Micros(now.saturating_sub(keep));
    match store.prune(before, batch).await {
        Ok(pruned) => tracing::debug!(?pruned, "deleted old tasks"),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "could not delete old tasks, trying again in {INTERVAL:?}"
        ),
    }
}
