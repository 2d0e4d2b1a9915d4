//! Registering a cluster, or mending one that is registered with the same topology.

use slacktide_engine::{cluster::Cluster, id::ClusterId};
use slacktide_store::{Duplicate, Key, NewCluster, StoreError};

use super::{
    App, AppError,
    mend::{check_hosts, mend},
    repeat::{carried_out, until_uncontended},
    topology,
};
use crate::{
    auth::Caller,
    iam::expression::{Action::Update, Domain::Cluster as Clusters, Expression},
};

/// Returns the cluster as it is registered now.
pub(crate) async fn register_cluster(
    app: &App,
    caller: &Caller,
    cluster: &NewCluster,
    key: Option<&Key>,
) -> Result<Cluster, AppError> {
    until_uncontended(|| attempt(app, caller, cluster, key)).await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    cluster: &NewCluster,
    key: Option<&Key>,
) -> Result<Cluster, AppError> {
    if let Some(id) = carried_out(&app.store, key).await? {
        return Ok(app.store.cluster(ClusterId(id)).await?);
    }
    if let Some(registered) = app.store.cluster_by_name(&cluster.name).await? {
        if let Some(difference) = topology::difference(&registered, cluster) {
            return Err(AppError::NameTaken {
                name: registered.name,
                difference: format!("{} {}", difference.field, difference.description),
            });
        }
        caller.require(&Expression::of(Clusters, registered.id.0, Update))?;
        return mend(app, caller, &registered, cluster, key.cloned()).await;
    }
    check_hosts(app, cluster).await?;
    match app.store.register(cluster.clone(), key.cloned()).await {
        Ok(cluster) => {
            let cluster_id = cluster.id.0;
            tracing::info!(cluster_id, user = caller.name, "registered a cluster");
            Ok(cluster)
        }
        Err(StoreError::Duplicate(Duplicate::ServerAddress)) => {
            Err(topology::holder_of_address(&app.store, cluster).await?)
        }
        Err(error) => Err(error.into()),
    }
}
