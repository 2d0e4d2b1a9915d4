//! Looks at the servers of clusters that no task holds, and writes down what is not as it was thought to be.
//!
//! An executor looks at the servers of its own host, and at simulated ones. What it writes is guarded by the
//! cluster's generation and by when it last changed: neither an operation that begins meanwhile nor what an executor
//! elsewhere sees at the same time is disturbed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
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
    let looks = Looks::new(LOOK_LIMIT);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = observe_all(worker, &looks).await {
            tracing::warn!(%error, "cannot look at idle clusters, trying again later");
        }
    }
}

async fn observe_all(worker: &Worker, looks: &Looks) -> Result<(), StoreError> {
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
            observe_one(worker, looks, &cluster).await?;
        }
        if last {
            return Ok(());
        }
        page.offset += CLUSTERS;
    }
}

async fn observe_one(worker: &Worker, looks: &Looks, cluster: &Cluster) -> Result<(), StoreError> {
    let seen = look(cluster, worker.options(), looks).await;
    let Some(observed) = observe(cluster, &seen) else {
        return Ok(());
    };
    let (servers, status) = (observed.servers.len(), observed.cluster.0);
    if worker.store().observe(cluster, observed).await? {
        tracing::warn!(
            cluster = cluster.name,
            servers,
            %status,
            "servers of an idle cluster are not as they were thought to be"
        );
    }
    Ok(())
}

async fn look(
    cluster: &Cluster,
    options: &Options,
    looks: &Looks,
) -> BTreeMap<ServerId, Observation> {
    let idle = cluster.active_task.is_none();
    let is_own = |server: &&Server| {
        let host = server.driver.host();
        idle && host.is_none_or(|host| host == options.host)
    };
    let own = cluster.servers().filter(is_own);
    let hosts: Vec<_> = own
        .map(|server| (server.id, Host::of(server, options)))
        .collect();
    let seeing = hosts.into_iter().map(|(server, host)| async move {
        let looking = async move { host.glance().await.observation };
        (server, looks.see(server, looking.boxed()).await)
    });
    stream::iter(seeing)
        .buffer_unordered(PARALLEL)
        .collect()
        .await
}

type Look = BoxFuture<'static, Observation>;

/// Looks, each for a bounded time. A server is not looked at again while its last look hangs: each look at a disk
/// that no longer answers would keep one more thread for ever.
struct Looks {
    limit: Duration,
    hanging: Mutex<HashMap<ServerId, Look>>,
}

impl Looks {
    fn new(limit: Duration) -> Self {
        let hanging = Mutex::default();
        Self { limit, hanging }
    }

    async fn see(&self, server: ServerId, mut look: Look) -> Observation {
        if self.is_hanging(server) {
            return Observation::Unknown;
        }
        match tokio::time::timeout(self.limit, &mut look).await {
            Ok(observation) => observation,
            Err(_) => {
                let hanging = self.hanging.lock();
                let mut hanging = hanging.unwrap_or_else(PoisonError::into_inner);
                hanging.insert(server, look);
                Observation::Unknown
            }
        }
    }

    /// Whether an earlier look has not come back. What one that has come back saw is not fresh.
    fn is_hanging(&self, server: ServerId) -> bool {
        let hanging = self.hanging.lock();
        let mut hanging = hanging.unwrap_or_else(PoisonError::into_inner);
        let Some(look) = hanging.get_mut(&server) else {
            return false;
        };
        let is_over = look.now_or_never().is_some();
        if is_over {
            hanging.remove(&server);
        }
        !is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_is_not_looked_at_while_its_last_look_hangs() {
        let looks = Looks::new(Duration::from_millis(20));
        let server = ServerId(1);
        let (answer, answered) = tokio::sync::oneshot::channel::<Observation>();
        let hangs = async { answered.await.unwrap() };
        assert_eq!(looks.see(server, hangs.boxed()).await, Observation::Unknown);

        let not_asked = || async { unreachable!("a second look") }.boxed();
        assert_eq!(looks.see(server, not_asked()).await, Observation::Unknown);
        let alive = || async { Observation::Alive }.boxed();
        assert_eq!(looks.see(ServerId(2), alive()).await, Observation::Alive);

        answer.send(Observation::Gone).unwrap();
        assert_eq!(looks.see(server, alive()).await, Observation::Alive);
    }
}
