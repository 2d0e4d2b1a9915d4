//! Subtasks that run inside a commit: what they do to the statuses, and what their logs say.

use super::{
    FoldedLog, Need, Outcome, ResourceChange, ServerRow,
    draft::{Draft, Stop},
    effect,
};
use crate::{
    id::{SubtaskId, ZoneId},
    kind::SubtaskKind,
    observe::{Mixture, count, roll_up},
    status::{Extent, Operation, ResourceStatus, TaskKind},
    subtask::Subtask,
    transition::Step,
};

/// Whether the subtask's next run has no effect outside the database.
pub(super) fn folds(subtask: &Subtask) -> bool {
    match subtask.state.operation {
        // Passed over, it does nothing but look.
        Operation::Skip => subtask.foldable || !effect::looks(subtask.kind),
        Operation::Rollback => subtask.foldable || !is_undone_outside(subtask.kind),
        _ => subtask.foldable,
    }
}

/// Whether there may be something to undo on a host or by SQL.
fn is_undone_outside(kind: SubtaskKind) -> bool {
    match kind {
        SubtaskKind::PrepareRestartObZone
        | SubtaskKind::StopServer
        | SubtaskKind::StopZone
        | SubtaskKind::StartServer
        | SubtaskKind::StartZone => true,
        SubtaskKind::UpdateObserverStatus | SubtaskKind::WaitObserverStop => false,
        kind => effect::looks(kind),
    }
}

impl Draft<'_> {
    /// Runs a foldable subtask from READY to its end.
    pub(super) fn run_folded(&mut self, id: SubtaskId) -> Result<(), Stop> {
        let line = match self.get(id)?.state.operation {
            Operation::Skip => "passed over on an operator's word".to_owned(),
            Operation::Rollback => "nothing to undo".to_owned(),
            _ => self.folded_effect(id)?,
        };
        self.start(id, Step::Claim)?;
        let started = self.get(id)?;
        let log = FoldedLog {
            subtask: id,
            epoch: started.epoch,
            operation: started.state.operation,
            time: self.now,
            line,
        };
        self.logs.push(log);
        match self.get(id)?.state.operation {
            // Nobody has looked: what is known of the server is still the last that is known.
            Operation::Rollback => self.succeed(id),
            _ => self.finish(id, &Outcome::success()),
        }
    }

    /// What a folded subtask does to the statuses, and the line that its log gets.
    fn folded_effect(&mut self, id: SubtaskId) -> Result<String, Stop> {
        let subtask = self.get(id)?;
        let (kind, zone, upstreams) = (subtask.kind, subtask.zone, subtask.upstreams.len());
        Ok(match kind {
            SubtaskKind::PrepareStopCluster
            | SubtaskKind::PrepareStartCluster
            | SubtaskKind::PrepareRestartCluster => self.opening(),
            SubtaskKind::UpdateZoneStatus => match zone {
                Some(zone) => self.roll_up_zone(zone)?,
                None => "no zone to update".to_owned(),
            },
            SubtaskKind::UpdateObClusterStatus => self.roll_up_cluster()?,
            SubtaskKind::PrepareStopObZone => {
                "zone is STOPPING: no minor freeze asked for".to_owned()
            }
            SubtaskKind::PrepareStartObZone => "zone is STARTING".to_owned(),
            SubtaskKind::PrepareRestartObZone => "zone is RESTARTING".to_owned(),
            SubtaskKind::SetZoneContext => "the zone's servers are restarted next".to_owned(),
            SubtaskKind::StartOcpAgentService => {
                "no agent is registered beside this server: nothing to start".to_owned()
            }
            SubtaskKind::WaitNode => match upstreams {
                1 => "the upstream subtask succeeded".to_owned(),
                upstreams => format!("all {upstreams} upstream subtasks succeeded"),
            },
            SubtaskKind::WaitObserverAccessible | SubtaskKind::WaitObserverActive => {
                "the servers are simulated: no SQL to wait for".to_owned()
            }
            _ => "the cluster has no SQL that could be asked: nothing to do".to_owned(),
        })
    }

    fn opening(&self) -> String {
        let task = &self.task;
        format!(
            "{}: cluster {} (id {}, generation {}), {}, minor freeze {}",
            task.kind.name(),
            task.cluster.name,
            task.cluster.id,
            task.generation,
            task.options.mode,
            match task.options.minor_freeze {
                true => "on",
                false => "off",
            },
        )
    }

    fn roll_up_zone(&mut self, zone: ZoneId) -> Result<String, Stop> {
        let servers = self.servers()?;
        let of_zone = servers.iter().filter(|server| server.zone == zone);
        let statuses = of_zone.map(|server| server.status);
        let mixture = match self.task.kind.extent() {
            Extent::Server => Mixture::Meant,
            Extent::Cluster | Extent::Zone => Mixture::Amiss,
        };
        let status = roll_up(statuses.clone(), mixture);
        self.zones.insert(zone, status);
        Ok(format!("zone is {status}: {}", count(statuses)))
    }

    fn roll_up_cluster(&mut self) -> Result<String, Stop> {
        let servers = self.servers()?;
        let statuses = servers.iter().map(|server| server.status);
        let mixture = match self.task.kind.extent() {
            Extent::Cluster => Mixture::Amiss,
            Extent::Zone | Extent::Server => Mixture::Meant,
        };
        let mut status = roll_up(statuses.clone(), mixture);
        // A stop that was skipped through with every server alive has not left the cluster as it was.
        if self.task.kind == TaskKind::StopCluster && !self.is_rollback() {
            status = match status {
                ResourceStatus::Stopped => status,
                _ => ResourceStatus::Unavailable,
            };
        }
        let counted = count(statuses);
        let reason = match status {
            ResourceStatus::Unavailable => counted.clone(),
            _ => String::new(),
        };
        self.cluster = Some(ResourceChange {
            id: self.task.cluster.id,
            status,
            reason,
        });
        Ok(format!("cluster is {status}: {counted}"))
    }

    /// After a rollback: every zone that the task worked on, and the cluster, are what their servers are.
    pub(super) fn roll_up_all(&mut self) -> Result<(), Stop> {
        let zones: std::collections::BTreeSet<_> = self
            .servers()?
            .into_iter()
            .map(|server| server.zone)
            .collect();
        for zone in zones {
            if self.task.zone.is_none_or(|own| own == zone) {
                self.roll_up_zone(zone)?;
            }
        }
        self.roll_up_cluster()?;
        Ok(())
    }

    /// The cluster's servers as they are after what this commit changed so far.
    fn servers(&self) -> Result<Vec<ServerRow>, Stop> {
        let Some(servers) = &self.frame.servers else {
            return Err(Stop::Need(Need {
                servers: true,
                ..Need::default()
            }));
        };
        Ok(servers
            .iter()
            .map(|server| match self.servers.get(&server.id) {
                Some((status, _)) => ServerRow {
                    status: *status,
                    ..*server
                },
                None => *server,
            })
            .collect())
    }
}
