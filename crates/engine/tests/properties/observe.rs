//! What a look at the servers of an idle cluster changes, and how statuses roll up.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};
use slacktide_engine::{
    cluster::Cluster,
    commit::Observation::{self, Alive, Gone, Unknown},
    id::{ServerId, TaskId},
    observe::{Mixture, Observed, count, observe, roll_up},
    status::ResourceStatus::{self, Running, Stopped, Unavailable},
};

use crate::topology::simulated;

fn seen(cluster: &Cluster, observed: &[Option<Observation>]) -> BTreeMap<ServerId, Observation> {
    let servers = cluster.servers().map(|server| server.id);
    let seen = servers.zip(observed.iter().cycle());
    seen.filter_map(|(id, observed)| Some((id, (*observed)?)))
        .collect()
}

/// Writes down what was observed, as the store does.
fn write(cluster: &mut Cluster, observed: &Observed) {
    for (id, status, reason) in &observed.servers {
        let servers = cluster.zones.iter_mut().flat_map(|zone| &mut zone.servers);
        for server in servers.filter(|server| server.id == *id) {
            server.status = *status;
            server.status_reason.clone_from(reason);
        }
    }
    for (id, status) in &observed.zones {
        let zones = cluster.zones.iter_mut().filter(|zone| zone.id == *id);
        zones.for_each(|zone| zone.status = *status);
    }
    cluster.status = observed.cluster.0;
}

const IDLE: [ResourceStatus; 3] = [Running, Stopped, Unavailable];

prop_compose! {
    /// A cluster that no task holds, its servers like one of these, its zones and itself called as their parts make
    /// them.
    fn any_idle(of: &'static [ResourceStatus])(
        statuses in vec(vec(select(of), 1..4), 1..4),
        meant in any::<bool>(),
    ) -> Cluster {
        let mut cluster = simulated(&statuses.iter().map(Vec::len).collect::<Vec<_>>());
        let mixture = if meant { Mixture::Meant } else { Mixture::Amiss };
        for (zone, statuses) in cluster.zones.iter_mut().zip(&statuses) {
            for (server, status) in zone.servers.iter_mut().zip(statuses) {
                server.status = *status;
            }
            zone.status = roll_up(statuses.iter().copied(), mixture);
        }
        cluster.status = roll_up(statuses.into_iter().flatten(), mixture);
        cluster
    }
}

fn any_seen() -> impl Strategy<Value = Vec<Option<Observation>>> {
    vec(
        select(vec![None, Some(Alive), Some(Gone), Some(Unknown)]),
        9,
    )
}

proptest! {
    #[test]
    fn a_whole_is_stopped_or_running_only_if_every_part_is(
        parts in vec(select(ResourceStatus::ALL), 1..8),
    ) {
        let all = |status| parts.iter().all(|part| *part == status);
        let either = parts.iter().all(|part| [Running, Stopped].contains(part));
        let amiss = roll_up(parts.iter().copied(), Mixture::Amiss);
        let meant = roll_up(parts.iter().copied(), Mixture::Meant);
        for whole in [amiss, meant] {
            assert!(IDLE.contains(&whole));
            assert_eq!(whole == Stopped, all(Stopped));
            assert_eq!(whole == Unavailable, !(all(Stopped) || all(Running) || whole == Running));
        }
        assert_eq!(amiss == Running, all(Running));
        assert_eq!(meant == Running, either && !all(Stopped));
        let counted = count(parts.iter().copied());
        let start = format!("of {} servers, ", parts.len());
        assert!(counted.starts_with(&start));
        for part in &parts {
            let n = parts.iter().filter(|other| *other == part).count();
            assert!(counted.contains(&format!("{n} {part}")), "{counted}");
        }
    }

    #[test]
    fn a_cluster_that_a_task_holds_is_left_alone(
        mut cluster in any_idle(&IDLE),
        observed in any_seen(),
    ) {
        cluster.active_task = Some(TaskId(7));
        assert_eq!(observe(&cluster, &seen(&cluster, &observed)), None);
    }

    /// STOPPED comes from a stop alone; what was not seen stays; what was seen is written.
    #[test]
    fn a_look_writes_what_it_saw_and_nothing_else(cluster in any_idle(&IDLE), observed in any_seen()) {
        let seen = seen(&cluster, &observed);
        let mut after = cluster.clone();
        if let Some(observed) = observe(&cluster, &seen) {
            write(&mut after, &observed);
            for (id, status, reason) in &observed.servers {
                assert!(*status != Stopped && (*status == Running || !reason.is_empty()), "{id}");
            }
            assert_eq!(observed.cluster.0 == Unavailable, !observed.cluster.1.is_empty());
        }
        for (was, is) in cluster.servers().zip(after.servers()) {
            let expected = match (was.status, seen.get(&was.id)) {
                (_, Some(Alive)) => Running,
                (Stopped, Some(Gone)) => Stopped,
                (_, Some(Gone)) => Unavailable,
                (status, Some(Unknown) | None) => status,
            };
            assert_eq!(is.status, expected, "server {}", was.id);
        }
        for zone in &after.zones {
            if zone.status != Unavailable {
                assert!(zone.servers.iter().all(|server| server.status != Unavailable));
            }
            let all = |status| zone.servers.iter().all(|server| server.status == status);
            assert_eq!(zone.status == Stopped, all(Stopped));
        }
        let all = |status| after.servers().all(|server| server.status == status);
        assert_eq!(after.status == Stopped, all(Stopped));
        assert!(!all(Running) || after.status == Running);
        // What was written is what is: the same look finds nothing new.
        assert_eq!(observe(&after, &seen), None);
    }

    #[test]
    fn servers_that_died_and_came_back_leave_the_cluster_as_it_was(
        before in any_idle(&[Running, Stopped]),
        which in vec(any::<prop::sample::Index>(), 1..4),
        first_back in any::<prop::sample::Index>(),
    ) {
        let running: Vec<_> = (before.servers().filter(|server| server.status == Running))
            .map(|server| server.id)
            .collect();
        prop_assume!(!running.is_empty());
        let mut lost: Vec<_> = which.iter().map(|which| *which.get(&running)).collect();
        let mut cluster = before.clone();
        for &id in &lost {
            if let Some(died) = observe(&cluster, &BTreeMap::from([(id, Gone)])) {
                assert!(died.servers[0].2.contains("nobody here stopped it"));
                write(&mut cluster, &died);
            }
            assert_eq!(cluster.status, Unavailable);
        }
        let first = first_back.index(lost.len());
        lost.rotate_left(first);
        for &id in &lost {
            if let Some(back) = observe(&cluster, &BTreeMap::from([(id, Alive)])) {
                write(&mut cluster, &back);
            }
        }
        assert_eq!(cluster, before);
    }
}

#[test]
fn a_stopped_cluster_that_somebody_else_starts_is_seen_to_run() {
    let mut cluster = simulated(&[1, 1]);
    cluster.status = Stopped;
    for zone in &mut cluster.zones {
        zone.status = Stopped;
        zone.servers[0].status = Stopped;
    }
    let first = observe(&cluster, &BTreeMap::from([(ServerId(101), Alive)])).unwrap();
    write(&mut cluster, &first);
    assert_eq!(cluster.status, Unavailable, "half of it runs");
    let both = observe(&cluster, &seen(&cluster, &[Some(Alive)])).unwrap();
    write(&mut cluster, &both);
    assert_eq!(cluster.status, Running);
}
