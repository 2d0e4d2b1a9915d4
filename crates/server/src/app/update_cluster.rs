//! Mending a cluster's account, selector and drivers, also while a task holds it: a run reads them when it begins.

use slacktide_engine::{cluster::Cluster, id::ClusterId};
use slacktide_store::{Key, NewCluster};

use super::{
    App, AppError, Violations,
    mend::mend,
    repeat::{carried_out, until_uncontended},
    topology,
};
use crate::auth::Caller;

/// Returns the cluster as it is now.
pub(crate) async fn update_cluster(
    app: &App,
    caller: &Caller,
    id: ClusterId,
    wanted: &NewCluster,
    key: Option<&Key>,
) -> Result<Cluster, AppError> {
    until_uncontended(|| attempt(app, caller, id, wanted, key)).await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    id: ClusterId,
    wanted: &NewCluster,
    key: Option<&Key>,
) -> Result<Cluster, AppError> {
    let carried_out = carried_out(&app.store, key).await?;
    let registered = app.store.cluster(id).await?;
    if carried_out.is_some() {
        return Ok(registered);
    }
    if let Some(difference) = topology::difference(&registered, wanted) {
        return Err(Violations(vec![difference]).into());
    }
    mend(app, caller, &registered, wanted, key.cloned()).await
}
