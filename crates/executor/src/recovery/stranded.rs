//! Fails what nobody is left to run: what waits for a host on which no executor lives, or for labels that none has,
//! and what executors that are gone have left there.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use slacktide_engine::{
    commit::Event,
    id::{SubtaskId, TaskId},
    status::{Operation, SubtaskStatus},
    time::Micros,
};
use slacktide_store::{Place, RunKey, StoreError, Stranded, clock};

use crate::worker::Worker;

pub(super) async fn fail(worker: &Worker, places: &mut PlaceWatch) -> Result<(), StoreError> {
    let stranded = worker.store().stranded().await?;
    let without = stranded.iter().map(|one| one.place.clone()).collect();
    let gone = places.observe(without, Instant::now());
    let left = Left::of(stranded, &gone, clock::now());

    for (task, subtasks) in left.skips {
        worker
            .commit_and_start(task, Event::Claim { subtasks })
            .await;
    }
    worker.take_over_elsewhere(left.lost_skips);
    for ((task, place), subtasks) in left.ready {
        let (nobody, mend) = (nobody(&place), mend(&place));
        tracing::warn!(%task, nobody, subtasks = subtasks.len(), "failing what waits for an executor in vain");
        let reason = format!("{nobody}: {mend}, then retry");
        worker
            .commit_and_start(task, Event::Strand { subtasks, reason })
            .await;
    }
    for ((task, place), runs) in left.runs {
        let (nobody, mend) = (nobody(&place), mend(&place));
        tracing::warn!(%task, nobody, runs = runs.len(), "failing runs whose executors are gone");
        let reason = format!(
            "its executor is gone, and {nobody}: the outcome is unknown; {mend}, then retry, or skip it"
        );
        worker
            .commit_and_start(task, Event::Abandon { runs, reason })
            .await;
    }
    Ok(())
}

/// What is stranded, by what is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Left {
    /// Nothing is left to do but to say that nothing can be seen, so anybody may.
    skips: BTreeMap<TaskId, Vec<SubtaskId>>,
    lost_skips: Vec<RunKey>,
    /// To be failed.
    ready: BTreeMap<(TaskId, Place), Vec<SubtaskId>>,
    /// To be failed, each with its epoch.
    runs: BTreeMap<(TaskId, Place), Vec<(SubtaskId, i64)>>,
}

impl Left {
    /// A run that was asked to end is not waited for longer than it had time for that.
    fn of(stranded: Vec<Stranded>, gone: &HashSet<Place>, now: Micros) -> Self {
        let mut left = Self::default();
        for one in stranded {
            let Stranded { task, subtask, .. } = one;
            let is_gone = gone.contains(&one.place);
            let is_late = one.deadline.is_some_and(|deadline| deadline <= now);
            match (one.status, one.operation) {
                (SubtaskStatus::Ready, Operation::Skip) => {
                    left.skips.entry(task).or_default().push(subtask);
                }
                (SubtaskStatus::Running, Operation::Skip) => {
                    left.lost_skips.push((task, subtask, one.epoch));
                }
                (SubtaskStatus::Ready, _) if is_gone => {
                    let of_place = left.ready.entry((task, one.place));
                    of_place.or_default().push(subtask);
                }
                (SubtaskStatus::Running, _) if is_gone => {
                    let of_place = left.runs.entry((task, one.place));
                    of_place.or_default().push((subtask, one.epoch));
                }
                (SubtaskStatus::Canceling, _) if is_gone || is_late => {
                    let of_place = left.runs.entry((task, one.place));
                    of_place.or_default().push((subtask, one.epoch));
                }
                _ => {}
            }
        }
        left
    }
}

fn nobody(place: &Place) -> String {
    let labels = place.selector.to_string();
    match &place.host {
        Some(host) if labels.is_empty() => format!("no executor is alive on host {host}"),
        Some(host) => format!("no executor with the labels {labels} is alive on host {host}"),
        None => format!("no executor with the labels {labels} is alive"),
    }
}

fn mend(place: &Place) -> &'static str {
    match (&place.host, place.selector.labels().is_empty()) {
        (Some(_), true) => "start slacktide there, or move the server to another host",
        (Some(_), false) => {
            "start slacktide there with these labels, or mend the cluster's selector"
        }
        (None, _) => "start one, or mend the cluster's selector",
    }
}

/// Since when places have been without an executor, by this process's own monotonic clock and only while the
/// database answered: an outage strands nobody.
#[derive(Debug)]
pub(super) struct PlaceWatch {
    grace: Duration,
    since: HashMap<Place, Instant>,
}

impl PlaceWatch {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            grace,
            since: HashMap::new(),
        }
    }

    /// Takes in which places are waited for in vain at `now`. Returns those for which it was long enough.
    fn observe(&mut self, places: HashSet<Place>, now: Instant) -> HashSet<Place> {
        self.since.retain(|place, _| places.contains(place));
        for place in places {
            self.since.entry(place).or_insert(now);
        }
        let gone = |(place, since): (&Place, &Instant)| {
            (now.duration_since(*since) >= self.grace).then(|| place.clone())
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
    const TASK: TaskId = TaskId(7);

    fn place(host: &str) -> Place {
        Place {
            host: Some(host.to_owned()),
            selector: "dc=a".parse().unwrap(),
        }
    }

    fn places<const N: usize>(hosts: [&str; N]) -> HashSet<Place> {
        hosts.into_iter().map(place).collect()
    }

    #[test]
    fn a_place_is_given_up_when_it_was_without_an_executor_all_the_time() {
        let (mut watch, start) = (PlaceWatch::new(GRACE), Instant::now());
        assert!(watch.observe(places(["a", "b"]), start).is_empty());
        assert!(watch.observe(places(["a"]), start + GRACE / 2).is_empty());
        assert_eq!(
            watch.observe(places(["a", "b"]), start + GRACE),
            places(["a"])
        );
    }

    #[test]
    fn an_outage_of_the_database_gives_up_no_place() {
        let (mut watch, start) = (PlaceWatch::new(GRACE), Instant::now());
        watch.observe(places(["a"]), start);
        watch.forget();
        assert!(watch.observe(places(["a"]), start + GRACE * 2).is_empty());
    }

    #[test]
    fn only_what_is_given_up_fails_and_what_is_canceled_when_its_time_is_over() {
        use Operation::{Cancel, Execute, Skip};
        use SubtaskStatus::{Canceling, Ready, Running};
        let stranded = |number, status, operation, host| Stranded {
            place: place(host),
            task: TASK,
            subtask: SubtaskId(number),
            epoch: number,
            status,
            operation,
            deadline: (status != Ready).then_some(Micros(100 * number)),
        };
        let all = vec![
            stranded(1, Ready, Execute, "given up"),
            stranded(2, Ready, Execute, "empty"),
            stranded(3, Ready, Skip, "empty"),
            stranded(4, Running, Skip, "empty"),
            stranded(5, Running, Execute, "given up"),
            stranded(6, Running, Execute, "empty"),
            stranded(7, Canceling, Cancel, "given up"),
            stranded(8, Canceling, Cancel, "empty"),
            stranded(9, Canceling, Cancel, "empty"),
        ];
        let of = |host| (TASK, place(host));
        let left = Left::of(all, &places(["given up"]), Micros(800));
        let expected = Left {
            skips: BTreeMap::from([(TASK, vec![SubtaskId(3)])]),
            lost_skips: vec![(TASK, SubtaskId(4), 4)],
            ready: BTreeMap::from([(of("given up"), vec![SubtaskId(1)])]),
            runs: BTreeMap::from([
                (of("given up"), vec![(SubtaskId(5), 5), (SubtaskId(7), 7)]),
                (of("empty"), vec![(SubtaskId(8), 8)]),
            ]),
        };
        assert_eq!(left, expected);
    }
}
