use std::time::Duration;

use anyhow::{Context, Result};

/// Waits for a future, but no longer than `limit`; `what` names it in the error.
///
/// # Errors
/// When the limit is over, or the future itself fails.
pub async fn within<T>(
    limit: Duration,
    what: &str,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::time::timeout(limit, future)
        .await
        .with_context(|| format!("{what}: not within {limit:?}"))?
        .with_context(|| what.to_owned())
}
