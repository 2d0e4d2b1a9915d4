//! Doing again what others got in the way of, and not doing again what was done.

use slacktide_store::{Duplicate, Key, Store, StoreError};

use super::AppError;

/// How often a use case is begun again before its caller is told to.
const ATTEMPTS: usize = 5;

/// Begins `attempt` again, from its first look, as long as somebody else commits in between.
pub(crate) async fn until_uncontended<T, F>(attempt: impl Fn() -> F) -> Result<T, AppError>
where
    F: Future<Output = Result<T, AppError>>,
{
    for _ in 0..ATTEMPTS {
        match attempt().await {
            Err(AppError::Store(
                StoreError::Conflict(_)
                | StoreError::Duplicate(Duplicate::RequestId | Duplicate::ClusterName),
            )) => {}
            other => return other,
        }
    }
    Err(AppError::Contended)
}

/// The resource that was made when the same request was carried out under its key before, if it was.
pub(crate) async fn carried_out(store: &Store, key: Option<&Key>) -> Result<Option<i64>, AppError> {
    let Some(key) = key else {
        return Ok(None);
    };
    match store.remembered(key).await? {
        Some(before) if before.request_hash != key.request_hash => {
            Err(AppError::RequestIdReused(key.request_id.clone()))
        }
        before => Ok(before.map(|before| before.resource)),
    }
}
