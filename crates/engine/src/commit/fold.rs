//! Subtasks that run inside a commit: what they do to the statuses, and what their logs say.

use super::{
    FoldedLog, Need, Outcome, ResourceChange, ServerRow,
    draft::{Draft, Stop},
};
use crate::{
    cluster::roll_up,
    id::{SubtaskId, ZoneId},
    kind::SubtaskKind,
    status::ResourceStatus,
    transition::Step,
};

impl Draft<'_> {
    /// Runs a foldable subtask from READY to SUCCESSFUL.
    pub(super) fn run_folded(&mut self, id: SubtaskId) -> Result<(), Stop> {
        let (kind, zone) = {
            let s = self.get(id)?;
            (s.kind, s.zone)
        };
        let line = self.folded_effect(id, kind, zone)?;
        self.start(id, Step::Claim)?;
        let (epoch, operation) = {
            let s = self.get(id)?;
            (s.epoch, s.state.operation)
        };
        self.logs.push(FoldedLog {
            subtask: id,
            epoch,
            operation,
            time: self.now,
            line,
        });
        self.finish(id, &Outcome::success())
    }

    /// What a folded subtask does to the statuses, and the line that its log gets.
    fn folded_effect(
        &mut self,
        id: SubtaskId,
        kind: SubtaskKind,
        zone: Option<ZoneId>,
    ) -> Result<String, Stop> {
        let task = &self.task;
        Ok(match kind {
            SubtaskKind::PrepareStopCluster => format!(
                "stopping cluster {} (id {}, generation {}), {}, minor freeze {}",
                task.cluster.name,
                task.cluster.id,
                task.generation,
                task.options.mode,
                if task.options.minor_freeze {
                    "on"
                } else {
                    "off"
                },
            ),
            SubtaskKind::UpdateZoneStatus => {
                let Some(zone) = zone else {
                    return Ok("no zone to update".to_owned());
                };
                let servers = self.servers()?;
                let of_zone: Vec<_> = servers
                    .iter()
                    .filter(|server| server.zone == zone)
                    .collect();
                let status = roll_up(of_zone.iter().map(|server| server.status));
                self.zones.insert(zone, status);
                format!("zone is {status}: {}", count_stopped(of_zone.into_iter()))
            }
            SubtaskKind::UpdateObClusterStatus => {
                let servers = self.servers()?;
                let status = roll_up(servers.iter().map(|server| server.status));
                let counted = count_stopped(servers.iter());
                let reason = match status {
                    ResourceStatus::Stopped => String::new(),
                    _ => counted.clone(),
                };
                self.cluster = Some(ResourceChange {
                    id: self.task.cluster.id,
                    status,
                    reason,
                });
                format!("cluster is {status}: {counted}")
            }
            SubtaskKind::PrepareStopObZone => {
                "zone is STOPPING: no minor freeze asked for".to_owned()
            }
            _ => match self.get(id)?.upstreams.len() {
                1 => "the upstream subtask succeeded".to_owned(),
                upstreams => format!("all {upstreams} upstream subtasks succeeded"),
            },
        })
    }

    /// The cluster's servers as they are after what this commit changed so far.
    fn servers(&self) -> Result<Vec<ServerRow>, Stop> {
        let Some(servers) = &self.frame.servers else {
            return Err(Stop::Need(Need {
                subtasks: Vec::new(),
                servers: true,
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

fn count_stopped<'s>(servers: impl Iterator<Item = &'s ServerRow> + Clone) -> String {
    let stopped = servers
        .clone()
        .filter(|s| s.status == ResourceStatus::Stopped)
        .count();
    format!("{stopped} of {} servers are STOPPED", servers.count())
}
