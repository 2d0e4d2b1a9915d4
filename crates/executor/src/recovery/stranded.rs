//! Fails what waits for a host on which no executor lives.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use slacktide_engine::{
    commit::Event,
    id::{SubtaskId, TaskId},
};
use slacktide_store::StoreError;

use crate::worker::Worker;

pub(super) async fn fail(worker: &Worker, hosts: &mut HostWatch) -> Result<(), StoreError> {
    let stranded = worker.store().stranded().await?;
    let waited_for = stranded.iter().map(|(_, _, host)| host.clone()).collect();
    let gone = hosts.observe(waited_for, Instant::now());
    let mut by_task: BTreeMap<(TaskId, String), Vec<SubtaskId>> = BTreeMap::new();
    for (task, subtask, host) in stranded {
        if gone.contains(&host) {
            by_task.entry((task, host)).or_default().push(subtask);
        }
    }
    for ((task, host), subtasks) in by_task {
        let reason = format!(
            "no executor is alive on host {host}: start slacktide there, or move the server to another host, \
             then retry"
        );
        tracing::warn!(%task, host, subtasks = subtasks.len(), "no executor is alive on a host, failing what waits for it");
        let event = Event::Strand { subtasks, reason };
        worker.commit_and_start(task, event).await;
    }
    Ok(())
}

/// Since when hosts have been without an executor, by this process's own monotonic clock and only while the
/// database answered: an outage strands nobody.
#[derive(Debug)]
pub(super) struct HostWatch {
    grace: Duration,
    since: HashMap<String, Instant>,
}

impl HostWatch {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            grace,
            since: HashMap::new(),
        }
    }

    /// Takes in which hosts are waited for in vain at `now`. Returns those for which it was long enough.
    fn observe(&mut self, hosts: HashSet<String>, now: Instant) -> HashSet<String> {
        self.since.retain(|host, _| hosts.contains(host));
        for host in hosts {
            self.since.entry(host).or_insert(now);
        }
        let gone = |(host, since): (&String, &Instant)| {
            (now.duration_since(*since) >= self.grace).then(|| host.clone())
        };
        self.since.iter().filter_map(gone).collect()
    }

    /// The database did not answer: nothing that was seen before says anything about now.
    pub(super) fn forget(&mut self) {
        self.since.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    fn hosts<const N: usize>(names: [&str; N]) -> HashSet<String> {
        names.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_host_is_given_up_when_it_was_without_an_executor_all_the_time() {
        let (mut watch, start) = (HostWatch::new(GRACE), Instant::now());
        assert!(watch.observe(hosts(["a", "b"]), start).is_empty());
        assert!(watch.observe(hosts(["a"]), start + GRACE / 2).is_empty());
        assert_eq!(
            watch.observe(hosts(["a", "b"]), start + GRACE),
            hosts(["a"])
        );
    }

    #[test]
    fn an_outage_of_the_database_gives_up_no_host() {
        let (mut watch, start) = (HostWatch::new(GRACE), Instant::now());
        watch.observe(hosts(["a"]), start);
        watch.forget();
        assert!(watch.observe(hosts(["a"]), start + GRACE * 2).is_empty());
    }
}
