//! Looks at the servers of clusters that no task holds, and writes down what is not as it was thought to be.
//!
//! An executor looks at the servers of its own host, and at simulated ones. What it writes is guarded by the
//! cluster's generation: an operation that begins meanwhile is not disturbed.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use slacktide_engine::{
    cluster::{Cluster, Server},
    commit::Observation,
    id::ServerId,
    observe::observe,
    status::ResourceStatus,
};
use slacktide_store::{ClusterFilter, Order, Page, StoreError};

use crate::{action::LOOK_LIMIT, driver::Host, options::Options, worker::Worker};

/// How many servers are looked at at a time. Nobody waits for it.
const PARALLEL: usize = 4;

/// How many clusters are read at a time.
const CLUSTERS: u64 = 100;

/// Looks at all of them at each interval. Never ends.
pub(crate) async fn observe_forever(worker: &Worker) {
    let interval = worker.options().observe_interval;
    if interval.is_zero() {
        return std::future::pending().await;
    }
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = observe_all(worker).await {
            tracing::warn!(%error, "cannot look at idle clusters, trying again later");
        }
    }
}

async fn observe_all(worker: &Worker) -> Result<(), StoreError> {
    // The others are held by tasks.
    let filter = ClusterFilter {
        statuses: vec![
            ResourceStatus::Running,
            ResourceStatus::Stopped,
            ResourceStatus::Unavailable,
        ],
        ..ClusterFilter::default()
    };
    let order = Order {
        column: "id",
        descending: false,
    };
    let mut page = Page {
        offset: 0,
        limit: CLUSTERS,
        order,
    };
    loop {
        let listed = worker.store().clusters(&filter, page).await?;
        let last = (listed.items.len() as u64) < CLUSTERS;
        for cluster in listed.items {
            if worker.is_draining() {
                return Ok(());
            }
            observe_one(worker, &cluster).await?;
        }
        if last {
            return Ok(());
        }
        page.offset += CLUSTERS;
    }
}

async fn observe_one(worker: &Worker, cluster: &Cluster) -> Result<(), StoreError> {
    let seen = look(cluster, worker.options()).await;
    let Some(observed) = observe(cluster, &seen) else {
        return Ok(());
    };
    let (servers, status) = (observed.servers.len(), observed.cluster.0);
    let written = worker
        .store()
        .observe(cluster.id, cluster.generation, observed)
        .await?;
    if written {
        tracing::warn!(
            cluster = cluster.name,
            servers,
            %status,
            "servers of an idle cluster are not as they were thought to be"
        );
    }
    Ok(())
}

async fn look(cluster: &Cluster, options: &Options) -> BTreeMap<ServerId, Observation> {
    let idle = cluster.active_task.is_none();
    let is_own = |server: &&Server| {
        let host = server.driver.host();
        idle && host.is_none_or(|host| host == options.host)
    };
    let own = cluster.servers().filter(is_own);
    let hosts: Vec<_> = own
        .map(|server| (server.id, Host::of(server, options)))
        .collect();
    let looks = hosts.into_iter().map(|(server, host)| async move {
        let looked = tokio::time::timeout(LOOK_LIMIT, host.glance()).await;
        let observation = looked.map_or(Observation::Unknown, |sighting| sighting.observation);
        (server, observation)
    });
    stream::iter(looks)
        .buffer_unordered(PARALLEL)
        .collect()
        .await
}
