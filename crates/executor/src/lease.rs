//! Which executors are alive, judged without comparing clocks.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use slacktide_store::Executor;

/// Watches other executors' leases. A lease is over when its counter stood still for one TTL of this
/// process's own monotonic clock, during which the database answered: an outage that keeps everybody from
/// renewing expires nobody.
#[derive(Debug)]
pub(crate) struct LeaseWatch {
    ttl: Duration,
    seen: HashMap<String, (i64, Instant)>,
}

impl LeaseWatch {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            seen: HashMap::new(),
        }
    }

    /// Takes in what the database answered at `now`. Returns the leases that are over.
    pub(crate) fn observe(&mut self, leases: Vec<Executor>, now: Instant) -> Vec<Executor> {
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
    pub(crate) fn forget(&mut self) {
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
