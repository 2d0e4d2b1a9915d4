//! Mending a registered cluster's account, selector and drivers, and looking at what drivers name.

use futures::future::join_all;
use slacktide_engine::cluster::{Cluster, Driver};
use slacktide_store::{Duplicate, Key, NewCluster, StoreError};

use super::{App, AppError, Violations, topology};
use crate::auth::Caller;

/// How many base directories are looked at at a time.
const LOOKS: usize = 16;

/// Checks that this host's executor can work on those servers whose processes are on this host.
pub(super) async fn check_hosts(app: &App, cluster: &NewCluster) -> Result<(), AppError> {
    let here: Vec<_> = topology::servers(cluster)
        .filter(|(_, server)| is_on(&app.host, &server.driver))
        .collect();
    let mut violations = Violations::default();
    for some in here.chunks(LOOKS) {
        let looks = some.iter().map(|(_, server)| app.host_check.check(server));
        for ((field, _), looked) in some.iter().zip(join_all(looks).await) {
            if let Err(missing) = looked {
                violations.add(format!("{field}.driver.process.base_dir"), missing);
            }
        }
    }
    violations.into_result()
}

fn is_on(own_host: &str, driver: &Driver) -> bool {
    matches!(driver, Driver::Process { host, .. } if host == own_host)
}

/// Gives a registered cluster the account, selector and drivers of one with the same topology.
pub(super) async fn mend(
    app: &App,
    caller: &Caller,
    registered: &Cluster,
    wanted: &NewCluster,
    key: Option<Key>,
) -> Result<Cluster, AppError> {
    check_hosts(app, wanted).await?;
    let settings = topology::settings(registered, wanted);
    let (sql, selector) = (wanted.sql.clone(), wanted.selector.clone());
    match app
        .store
        .mend(registered.id, sql, selector, settings, key)
        .await
    {
        Ok(cluster) => {
            let cluster_id = cluster.id.0;
            tracing::info!(cluster_id, user = caller.name, "updated a cluster");
            Ok(cluster)
        }
        Err(StoreError::Duplicate(Duplicate::ServerAddress)) => {
            Err(topology::holder_of_address(&app.store, wanted).await?)
        }
        Err(error) => Err(error.into()),
    }
}
