//! What the statuses of parts say of the whole, and what a look at an idle cluster changes.

use std::collections::BTreeMap;

use crate::{
    cluster::{Cluster, Server},
    commit::Observation,
    id::{ServerId, ZoneId},
    status::ResourceStatus,
};

/// What a mixture of RUNNING and STOPPED parts makes of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mixture {
    /// All parts should be alike, so the whole is UNAVAILABLE.
    Amiss,
    /// Some parts were stopped on purpose, so the whole is RUNNING.
    Meant,
}

/// The status of a whole whose parts have these statuses: STOPPED or RUNNING only if every part is.
pub fn roll_up(
    parts: impl IntoIterator<Item = ResourceStatus>,
    mixture: Mixture,
) -> ResourceStatus {
    use ResourceStatus::{Running, Stopped, Unavailable};
    let (mut running, mut stopped, mut other) = (0, 0, 0);
    for part in parts {
        match part {
            Running => running += 1,
            Stopped => stopped += 1,
            _ => other += 1,
        }
    }
    match (running, stopped, other, mixture) {
        (0, _, 0, _) => Stopped,
        (_, 0, 0, _) | (_, _, 0, Mixture::Meant) => Running,
        _ => Unavailable,
    }
}

/// How many of the parts are as they are called, for a reason or a log.
pub fn count(parts: impl IntoIterator<Item = ResourceStatus>) -> String {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    let mut total = 0;
    for part in parts {
        *counted.entry(part.as_str()).or_default() += 1;
        total += 1;
    }
    let counted: Vec<_> = counted
        .into_iter()
        .map(|(word, n)| format!("{n} {word}"))
        .collect();
    format!("of {total} servers, {}", counted.join(", "))
}

/// Why a server is UNAVAILABLE that ran until it was seen to be gone, in a cluster that was as it was meant to be.
/// Read again when it is back: then so is what was meant.
const LOST: &str = "its process is gone though nobody here stopped it";

/// The same in a cluster that had been left UNAVAILABLE: it stays so when the server is back.
const LOST_TOO: &str =
    "its process is gone though nobody here stopped it; the cluster was UNAVAILABLE before";

/// What a look at the servers of an idle cluster changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Servers that are not as they were thought to be, each with a reason.
    pub servers: Vec<(ServerId, ResourceStatus, String)>,
    /// Zones that are not.
    pub zones: Vec<(ZoneId, ResourceStatus)>,
    /// The cluster with its reason.
    pub cluster: (ResourceStatus, String),
}

/// Compares what was seen with what is written; `None` if all is as it should be, or a task holds the cluster.
///
/// STOPPED is never written here: a process that is gone without a stop is UNAVAILABLE. A server that could not be
/// seen stays as it is. A zone or a cluster of which some servers were stopped on purpose is what the end of that
/// stop made it, RUNNING, until another server is lost, and again once that one is back.
pub fn observe(cluster: &Cluster, seen: &BTreeMap<ServerId, Observation>) -> Option<Observed> {
    if cluster.active_task.is_some() {
        return None;
    }
    let of_cluster = mixture(cluster.status, cluster.servers());
    let servers: Vec<_> = cluster
        .servers()
        .filter_map(|server| changed(server, seen, of_cluster))
        .collect();
    if servers.is_empty() && !runs_after_all(cluster, seen) {
        return None;
    }
    let changed: BTreeMap<_, _> = servers
        .iter()
        .map(|(id, status, _)| (*id, *status))
        .collect();
    let status = |server: &Server| changed.get(&server.id).copied().unwrap_or(server.status);
    let zones = cluster.zones.iter().filter_map(|zone| {
        let of_zone = mixture(zone.status, &zone.servers);
        let now = roll_up(zone.servers.iter().map(status), of_zone);
        (now != zone.status).then_some((zone.id, now))
    });
    let now = roll_up(cluster.servers().map(status), of_cluster);
    let reason = match now {
        ResourceStatus::Unavailable => count(cluster.servers().map(status)),
        _ => String::new(),
    };
    Some(Observed {
        zones: zones.collect(),
        cluster: (now, reason),
        servers,
    })
}

/// What a mixture means to a whole that has this status and these servers.
fn mixture<'a>(status: ResourceStatus, servers: impl IntoIterator<Item = &'a Server>) -> Mixture {
    let lost = |server: &Server| {
        server.status == ResourceStatus::Unavailable && server.status_reason == LOST
    };
    match status {
        ResourceStatus::Running => Mixture::Meant,
        ResourceStatus::Unavailable if servers.into_iter().any(lost) => Mixture::Meant,
        _ => Mixture::Amiss,
    }
}

/// Whether a cluster that a skipped task left UNAVAILABLE is seen to run, every server of it.
fn runs_after_all(cluster: &Cluster, seen: &BTreeMap<ServerId, Observation>) -> bool {
    let runs = |server: &Server| {
        server.status == ResourceStatus::Running
            && seen.get(&server.id) == Some(&Observation::Alive)
    };
    cluster.status == ResourceStatus::Unavailable && cluster.servers().all(runs)
}

fn changed(
    server: &Server,
    seen: &BTreeMap<ServerId, Observation>,
    of_cluster: Mixture,
) -> Option<(ServerId, ResourceStatus, String)> {
    use ResourceStatus::{Running, Stopped, Unavailable};
    let (status, reason) = match (server.status, seen.get(&server.id)?) {
        (Running, Observation::Alive)
        | (Stopped | Unavailable, Observation::Gone)
        | (_, Observation::Unknown) => return None,
        (Stopped, Observation::Alive) => (Running, "it runs though nobody here started it"),
        (_, Observation::Alive) => (Running, ""),
        (_, Observation::Gone) => match of_cluster {
            Mixture::Meant => (Unavailable, LOST),
            Mixture::Amiss => (Unavailable, LOST_TOO),
        },
    };
    Some((server.id, status, reason.to_owned()))
}
