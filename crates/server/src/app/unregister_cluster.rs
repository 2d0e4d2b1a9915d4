//! Forgetting a cluster.

use slacktide_engine::{allow::allow_unregister, id::ClusterId};
use slacktide_store::{Key, StoreError};

use super::{
    App, AppError,
    repeat::{carried_out, until_uncontended},
};
use crate::auth::Caller;

/// Forgets the cluster, unless a task holds it.
pub(crate) async fn unregister_cluster(
    app: &App,
    caller: &Caller,
    id: ClusterId,
    key: Option<&Key>,
) -> Result<(), AppError> {
    until_uncontended(|| attempt(app, caller, id, key)).await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    id: ClusterId,
    key: Option<&Key>,
) -> Result<(), AppError> {
    if carried_out(&app.store, key).await?.is_some() {
        return Ok(());
    }
    let cluster = match app.store.cluster(id).await {
        // It may be the same request, carried out since the key was looked up, that took the cluster away.
        Err(StoreError::NotFound { .. }) if carried_out(&app.store, key).await?.is_some() => {
            return Ok(());
        }
        found => found?,
    };
    allow_unregister(&cluster)?;
    app.store.unregister(id, key.cloned()).await?;
    tracing::info!(
        cluster_id = id.0,
        user = caller.name,
        "unregistered a cluster"
    );
    Ok(())
}
