//! Two tests that every operation gets for free: whatever moment a task is broken off at, a retry brings it to the
//! end that it would have had, and a rollback to where it came from; and whatever moment slacktide dies at, each
//! subtask that runs a second time comes to the same end.

use std::cell::Cell;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use slacktide_api::v1::{
    Cluster, ClusterStatus, Operation, RestartClusterRequest, RestartServerRequest,
    RestartZoneRequest, ServerStatus, StartClusterRequest, StartServerRequest, StartZoneRequest,
    StopClusterRequest, StopServerRequest, StopZoneRequest, SubtaskStatus, Task, TaskStatus,
    ZoneStatus,
};
use slacktide_tests::{Api, Slacktide, cluster, simulated_driver, simulated_server, within};

const LIMIT: Duration = Duration::from_secs(400);
/// Takes so long to stop that a task can be broken off in between.
const STOP_MS: i64 = 15;
/// The zone, and the server in it, that operations on a part work on.
const ZONE: usize = 0;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Stop,
    Start,
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Cluster,
    Zone,
    Server,
}

const KINDS: [Kind; 3] = [Kind::Stop, Kind::Start, Kind::Restart];
const PARTS: [Part; 3] = [Part::Cluster, Part::Zone, Part::Server];

/// An operation on a cluster of two zones, of two servers and of one.
struct Case<'a> {
    api: &'a Api,
    kind: Kind,
    part: Part,
    cluster: i64,
}

impl<'a> Case<'a> {
    /// Registers a cluster and brings it to where the operation begins.
    async fn new(api: &'a Api, kind: Kind, part: Part, name: &str) -> Result<Self> {
        let server = || simulated_server(simulated_driver(STOP_MS));
        let zones = vec![vec![server(), server()], vec![server()]];
        let cluster = api.register(cluster(name, zones)).await?.id;
        let case = Self {
            api,
            kind,
            part,
            cluster,
        };
        if matches!(kind, Kind::Start) {
            let stopped = case.submit(Kind::Stop).await?;
            let stopped = api.finished(stopped.id).await?;
            ensure!(
                stopped.status() == TaskStatus::Successful,
                "{}",
                stopped.error
            );
        }
        Ok(case)
    }

    async fn submit(&self, kind: Kind) -> Result<Task> {
        let id = self.cluster;
        let mut clusters = self.api.clusters.clone();
        let registered = self.api.cluster(id).await?;
        let zone = registered.zones.get(ZONE).context("no zone")?;
        let zone_name = zone.name.clone();
        let server_id = zone.servers.first().context("no server")?.id;
        let task = match (self.part, kind) {
            (Part::Cluster, Kind::Stop) => {
                let request = StopClusterRequest {
                    id,
                    ..Default::default()
                };
                clusters.stop_cluster(request).await?.into_inner().task
            }
            (Part::Cluster, Kind::Start) => {
                let request = StartClusterRequest {
                    id,
                    ..Default::default()
                };
                clusters.start_cluster(request).await?.into_inner().task
            }
            (Part::Cluster, Kind::Restart) => {
                let request = RestartClusterRequest {
                    id,
                    ..Default::default()
                };
                clusters.restart_cluster(request).await?.into_inner().task
            }
            (Part::Zone, Kind::Stop) => {
                let request = StopZoneRequest {
                    cluster_id: id,
                    zone_name,
                    ..Default::default()
                };
                clusters.stop_zone(request).await?.into_inner().task
            }
            (Part::Zone, Kind::Start) => {
                let request = StartZoneRequest {
                    cluster_id: id,
                    zone_name,
                    ..Default::default()
                };
                clusters.start_zone(request).await?.into_inner().task
            }
            (Part::Zone, Kind::Restart) => {
                let request = RestartZoneRequest {
                    cluster_id: id,
                    zone_name,
                    ..Default::default()
                };
                clusters.restart_zone(request).await?.into_inner().task
            }
            (Part::Server, Kind::Stop) => {
                let request = StopServerRequest {
                    cluster_id: id,
                    server_id,
                    ..Default::default()
                };
                clusters.stop_server(request).await?.into_inner().task
            }
            (Part::Server, Kind::Start) => {
                let request = StartServerRequest {
                    cluster_id: id,
                    server_id,
                    ..Default::default()
                };
                clusters.start_server(request).await?.into_inner().task
            }
            (Part::Server, Kind::Restart) => {
                let request = RestartServerRequest {
                    cluster_id: id,
                    server_id,
                    ..Default::default()
                };
                clusters.restart_server(request).await?.into_inner().task
            }
        };
        task.context("the response holds no task")
    }

    /// What the operation works on stops or runs; all else runs.
    async fn assert_statuses(&self, stopped: bool) -> Result<()> {
        let cluster = self.api.cluster(self.cluster).await?;
        let what = format!("{:?} {:?}: {cluster:?}", self.kind, self.part);
        for (zone_number, zone) in cluster.zones.iter().enumerate() {
            for (number, server) in zone.servers.iter().enumerate() {
                let touched = match self.part {
                    Part::Cluster => true,
                    Part::Zone => zone_number == ZONE,
                    Part::Server => zone_number == ZONE && number == 0,
                };
                let expected = match touched && stopped {
                    true => ServerStatus::Stopped,
                    false => ServerStatus::Running,
                };
                ensure!(server.status() == expected, "server {}: {what}", server.id);
            }
        }
        let zone = match (stopped, self.part) {
            (true, Part::Cluster | Part::Zone) => ZoneStatus::Stopped,
            _ => ZoneStatus::Running,
        };
        ensure!(cluster.zones[ZONE].status() == zone, "zone: {what}");
        let whole = match (stopped, self.part) {
            (true, Part::Cluster) => ClusterStatus::Stopped,
            _ => ClusterStatus::Running,
        };
        ensure!(cluster.status() == whole, "cluster: {what}");
        ensure!(cluster.active_task_id.is_none(), "held: {what}");
        Ok(())
    }

    async fn assert_done(&self) -> Result<()> {
        self.assert_statuses(matches!(self.kind, Kind::Stop)).await
    }

    async fn assert_as_before(&self) -> Result<()> {
        self.assert_statuses(matches!(self.kind, Kind::Start)).await
    }
}

/// In place of a revision.
const AT_ONCE: i64 = 0;

/// The moments at which an operation is broken off. A short one may end before each of them: then it is tried until
/// a cancel comes in time.
fn moments_until(broken: &Cell<u32>) -> impl Iterator<Item = (usize, i64)> {
    let again = std::iter::repeat_n(AT_ONCE, 200);
    let again = again.take_while(|_| broken.get() == 0);
    moments().chain(again).enumerate()
}

/// Begins an operation and cancels it at a revision, or as soon as it is accepted. `None`: it ended before that.
async fn broken_off(case: &Case<'_>, revision: i64) -> Result<Option<Task>> {
    let accepted = case.submit(case.kind).await?;
    if revision == AT_ONCE {
        let _ = case.api.cancel(accepted.id).await;
    }
    let mut watch = case.api.watch(accepted.id, Some(0)).await?;
    while let Some(change) = watch.next().await? {
        if change.revision == revision {
            // It may end well meanwhile.
            let _ = case.api.cancel(accepted.id).await;
        }
    }
    let task = case.api.task(accepted.id).await?;
    if task.status() == TaskStatus::Successful {
        return Ok(None);
    }
    ensure!(task.status() == TaskStatus::Failed, "{task:?}");
    let active = |status| matches!(status, SubtaskStatus::Ready | SubtaskStatus::Running);
    ensure!(
        !task.subtasks.iter().any(|one| active(one.status())),
        "{task:?}"
    );
    let held: Cluster = case.api.cluster(case.cluster).await?;
    ensure!(
        held.active_task_id == Some(task.id),
        "a FAILED task keeps its cluster: {held:?}"
    );
    Ok(Some(task))
}

#[tokio::test]
async fn broken_off_at_any_moment_it_ends_by_retry_as_if_nothing_had_been() -> Result<()> {
    within(LIMIT, "retry", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        for (kind, part) in each() {
            let broken = Cell::new(0);
            for (attempt, revision) in moments_until(&broken) {
                let name = format!("retry_{kind:?}_{part:?}_{attempt}").to_lowercase();
                let case = Case::new(&api, kind, part, &name).await?;
                if let Some(task) = broken_off(&case, revision).await? {
                    broken.set(broken.get() + 1);
                    api.retry(task.id).await?;
                    let task = api.finished(task.id).await?;
                    ensure!(
                        task.status() == TaskStatus::Successful,
                        "{kind:?} {part:?}: {}",
                        task.error
                    );
                    ensure!(task.operation() == Operation::Retry, "{task:?}");
                }
                case.assert_done().await?;
            }
            ensure!(broken.get() > 0, "{kind:?} {part:?} was never broken off");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn broken_off_at_any_moment_it_is_rolled_back_to_where_it_came_from() -> Result<()> {
    within(LIMIT, "rollback", async {
        let slacktide = Slacktide::start().await?;
        let api = slacktide.api()?;
        for (kind, part) in each() {
            let broken = Cell::new(0);
            for (attempt, revision) in moments_until(&broken) {
                let name = format!("rollback_{kind:?}_{part:?}_{attempt}").to_lowercase();
                let case = Case::new(&api, kind, part, &name).await?;
                let Some(task) = broken_off(&case, revision).await? else {
                    case.assert_done().await?;
                    continue;
                };
                broken.set(broken.get() + 1);
                api.roll_back(task.id).await?;
                let task = api.finished(task.id).await?;
                ensure!(
                    task.status() == TaskStatus::Successful,
                    "{kind:?} {part:?}: {}",
                    task.error
                );
                ensure!(task.operation() == Operation::Rollback, "{task:?}");
                let pending = task
                    .subtasks
                    .iter()
                    .all(|one| one.status() == SubtaskStatus::Pending);
                ensure!(pending, "{task:?}");
                case.assert_as_before().await?;
            }
            ensure!(broken.get() > 0, "{kind:?} {part:?} was never broken off");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn killed_at_any_moment_it_ends_as_if_nothing_had_been() -> Result<()> {
    within(LIMIT, "kill", async {
        let mut slacktide = Slacktide::start().await?;
        for (kind, part) in each() {
            for revision in moments().step_by(2) {
                let name = format!("kill_{kind:?}_{part:?}_{revision}").to_lowercase();
                let api = slacktide.api()?;
                let case = Case::new(&api, kind, part, &name).await?;
                let cluster = case.cluster;
                let accepted = case.submit(kind).await?;
                let mut watch = api.watch(accepted.id, Some(0)).await?;
                while let Some(change) = watch.next().await? {
                    if change.revision == revision {
                        slacktide.kill9().await?;
                        slacktide.restart().await?;
                        break;
                    }
                }
                let api = slacktide.api()?;
                let task = api.finished(accepted.id).await?;
                ensure!(
                    task.status() == TaskStatus::Successful,
                    "{kind:?} {part:?}: {}",
                    task.error
                );
                let case = Case {
                    api: &api,
                    kind,
                    part,
                    cluster,
                };
                case.assert_done().await?;
            }
        }
        Ok(())
    })
    .await
}

fn each() -> impl Iterator<Item = (Kind, Part)> {
    PARTS
        .into_iter()
        .flat_map(|part| KINDS.map(|kind| (kind, part)))
}

/// Revisions at which to break off: from the first to beyond the last barrier.
fn moments() -> impl Iterator<Item = i64> {
    (2..60).step_by(7)
}
