//! Which executors are alive, judged without comparing clocks.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use slacktide_store::{Executor, NewExecutor, StoreError};
use slacktide_telemetry::metrics;

use crate::worker::Worker;

/// How often a lease is renewed within its life: two renewals may fail before it is over.
const RENEWALS: u32 = 3;

/// Keeps this executor's lease, and takes away those that are over. Never ends.
///
/// Nothing else is done here: what waits for hosts must not keep a lease from being renewed.
pub(crate) async fn keep(worker: &Worker) {
    let ttl = worker.options().lease_ttl;
    let mut watch = LeaseWatch::new(ttl);
    let mut ticks = tokio::time::interval(worker.options().tick);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut renewed = Instant::now();
    loop {
        ticks.tick().await;
        let due = renewed.elapsed() >= ttl / RENEWALS;
        match tick(worker, &mut watch, due).await {
            Ok(()) if due => renewed = Instant::now(),
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "the executor cannot reach the database, trying again");
                watch.forget();
            }
        }
        metrics::set_lease(renewed.elapsed() < ttl, renewed.elapsed());
    }
}

async fn tick(worker: &Worker, watch: &mut LeaseWatch, due: bool) -> Result<(), StoreError> {
    let store = worker.store();
    if due && !store.renew_lease(worker.id()).await? {
        tracing::warn!(
            "this executor's lease was taken away; it lets go of its runs and begins again"
        );
        worker.runs().interrupt();
        store.begin_lease(new(worker), false).await?;
    }
    let leases = store.leases().await?;
    let others = leases
        .into_iter()
        .filter(|lease| lease.id != worker.id())
        .collect();
    for over in watch.observe(others, Instant::now()) {
        if store.end_lease(&over).await? {
            tracing::warn!(
                executor = over.id,
                host = over.host,
                "an executor's lease is over"
            );
        }
    }
    Ok(())
}

/// This executor, as its lease names it.
pub(crate) fn new(worker: &Worker) -> NewExecutor {
    let options = worker.options();
    NewExecutor {
        id: worker.id().to_owned(),
        host: options.host.clone(),
        labels: options.labels.clone(),
        capacity: u32::try_from(options.capacity).unwrap_or(u32::MAX),
    }
}

/// Ends this executor's lease, so that what it left is taken over at once.
pub(crate) async fn give_up(worker: &Worker) {
    let giving_up = async {
        for own in worker.store().leases().await? {
            if own.id == worker.id() {
                worker.store().end_lease(&own).await?;
            }
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = giving_up.await {
        tracing::warn!(%error, "the lease could not be given up; it runs out by itself");
    }
}

/// Watches other executors' leases. A lease is over when its counter stood still for one TTL of this
/// process's own monotonic clock, during which the database answered: an outage that keeps everybody from
/// renewing expires nobody.
#[derive(Debug)]
struct LeaseWatch {
    ttl: Duration,
    seen: HashMap<String, (i64, Instant)>,
}

impl LeaseWatch {
    fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            seen: HashMap::new(),
        }
    }

    /// Takes in what the database answered at `now`. Returns the leases that are over.
    fn observe(&mut self, leases: Vec<Executor>, now: Instant) -> Vec<Executor> {
        let mut seen = HashMap::with_capacity(leases.len());
        let mut over = Vec::new();
        for lease in leases {
            let since = match self.seen.get(&lease.id) {
                Some((counter, since)) if *counter == lease.counter => *since,
                _ => now,
            };
            seen.insert(lease.id.clone(), (lease.counter, since));
            if now.duration_since(since) >= self.ttl {
                over.push(lease);
            }
        }
        self.seen = seen;
        over
    }

    /// The database did not answer: nothing that was seen before says anything about now.
    fn forget(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn lease(id: &str, counter: i64) -> Executor {
        Executor {
            id: id.to_owned(),
            host: "h".to_owned(),
            counter,
        }
    }

    #[test]
    fn a_lease_is_over_when_its_counter_stood_still_for_one_ttl() {
        let (mut watch, start) = (LeaseWatch::new(TTL), Instant::now());
        assert_eq!(watch.observe(vec![lease("a", 1), lease("b", 1)], start), []);
        assert_eq!(
            watch.observe(vec![lease("a", 1), lease("b", 2)], start + TTL / 2),
            []
        );
        let over = watch.observe(vec![lease("a", 1), lease("b", 2)], start + TTL);
        assert_eq!(over, [lease("a", 1)]);
    }

    #[test]
    fn an_outage_of_the_database_expires_nobody() {
        let (mut watch, start) = (LeaseWatch::new(TTL), Instant::now());
        assert_eq!(watch.observe(vec![lease("a", 1)], start), []);
        watch.forget();
        assert_eq!(watch.observe(vec![lease("a", 1)], start + TTL * 100), []);
    }
}
