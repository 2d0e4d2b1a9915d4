//! Patience with a database that is busy: another process, such as `slacktide user add`, may hold its lock.

use std::time::Duration;

use crate::error::StoreError;

/// How often something is tried. Most attempts have waited for the connection's busy timeout already.
const ATTEMPTS: u32 = 5;

/// Tries again, a few times, what failed because the database was busy.
pub(crate) async fn retry<T, F>(
    operation: &'static str,
    attempt: impl Fn() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut number = 1;
    loop {
        match attempt().await {
            Err(error) if error.is_transient() && number < ATTEMPTS => {
                tracing::warn!(
                    operation,
                    attempt = number,
                    "the database is busy, trying again"
                );
                tokio::time::sleep(Duration::from_millis(10 << number)).await;
                number += 1;
            }
            result => return result,
        }
    }
}
