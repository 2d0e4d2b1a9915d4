//! A store of rows in memory, and executors' events against it. Every commit is checked as it is made.

use std::collections::{BTreeMap, BTreeSet};

use slacktide_engine::{
    commit::{Advance, Change, Claimant, Event, Frame, Observation, Refusal, ServerRow, advance},
    id::{ServerId, SubtaskId, TaskId, ZoneId},
    kind::SubtaskKind,
    plan::Accepted,
    revision::{Changed, Revision},
    status::{ResourceStatus, SubtaskStatus, TaskStatus},
    subtask::Subtask,
    task::{Tally, Task},
    time::Micros,
};

use crate::{
    decided::{may_run, named, refusal},
    topology::Topology,
    watcher::Watcher,
};

/// How many steps a cluster stop has, barriers included.
const STEPS: usize = 11;

/// The rows of one accepted stop.
pub(crate) struct World {
    pub(crate) accepted: Accepted,
    pub(crate) task: Task,
    pub(crate) subtasks: BTreeMap<SubtaskId, Subtask>,
    pub(crate) servers: BTreeMap<ServerId, ServerRow>,
    pub(crate) zones: BTreeMap<ZoneId, ResourceStatus>,
    pub(crate) cluster: (ResourceStatus, String),
    pub(crate) holder: Option<TaskId>,
    /// Every run that ever was: what late and repeated results speak of.
    pub(crate) runs: Vec<(SubtaskId, i64)>,
    /// Servers that `Update observer status` saw to be gone.
    pub(crate) proven: BTreeSet<ServerId>,
    pub(crate) revisions: Vec<Revision>,
    watcher: Watcher,
}

impl World {
    pub(crate) fn new(topology: &Topology) -> Self {
        let accepted = topology.accept();
        let mut watcher = Watcher::new(&accepted);
        for revision in &accepted.revisions {
            watcher.see(revision);
        }
        let servers = topology.cluster.zones.iter().flat_map(|zone| {
            zone.servers.iter().map(|server| ServerRow {
                id: server.id,
                zone: zone.id,
                status: server.status,
            })
        });
        let zones = topology.cluster.zones.iter();
        let world = Self {
            task: accepted.task.clone(),
            subtasks: by_id(&accepted.subtasks),
            servers: servers.map(|server| (server.id, server)).collect(),
            zones: zones.map(|zone| (zone.id, zone.status)).collect(),
            cluster: (ResourceStatus::Stopping, String::new()),
            holder: Some(accepted.task.id),
            runs: Vec::new(),
            proven: BTreeSet::new(),
            revisions: accepted.revisions.clone(),
            watcher,
            accepted,
        };
        world.check_rows();
        world
    }

    /// Commits an event if it is to be had, and checks all that the engine promises of it.
    pub(crate) fn commit(
        &mut self,
        event: &Event,
        claimant: &Claimant,
        now: Micros,
    ) -> Result<Change, Refusal> {
        let expected = refusal(self, event, claimant);
        let (frame, result) = self.advance(event, claimant, now);
        let everything = Frame {
            task: self.task.clone(),
            subtasks: self.subtasks.clone(),
            servers: Some(self.servers.values().copied().collect()),
        };
        let told_everything = advance(&everything, event, claimant, now).map(written);
        assert_eq!(
            result, told_everything,
            "what a frame holds beyond what was asked for makes a difference"
        );
        self.check_frame(&frame, event, result.as_ref().ok());
        assert_eq!(result.as_ref().err(), expected.as_ref());

        let change = result?;
        let before = self.subtasks.clone();
        self.check_resources(event, &change);
        self.write(&change);
        self.note_proof(event);
        let time = now.max(self.accepted.task.create_time);
        assert!(self.task.last_time >= time);
        for revision in &change.revisions {
            assert_eq!(revision.time, self.task.last_time);
            self.watcher.see(revision);
        }
        self.watcher.compare(&self.task, &self.subtasks);
        self.check_runs(&before, &change, claimant);
        self.check_claims(event, &change, claimant);
        self.check_rows();
        Ok(change)
    }

    /// Asks the engine until it needs nothing more, as the store does.
    fn advance(
        &self,
        event: &Event,
        claimant: &Claimant,
        now: Micros,
    ) -> (Frame, Result<Change, Refusal>) {
        let mut frame = Frame {
            task: self.task.clone(),
            subtasks: BTreeMap::new(),
            servers: None,
        };
        // A step of the graph at most each time, and once the servers.
        for _ in 0..=STEPS + 1 {
            match advance(&frame, event, claimant, now) {
                Err(refusal) => return (frame, Err(refusal)),
                Ok(Advance::Write(change)) => return (frame, Ok(*change)),
                Ok(Advance::Need(need)) => {
                    assert!(need.servers || !need.subtasks.is_empty(), "needs nothing");
                    for id in need.subtasks {
                        let again = frame.subtasks.insert(id, self.subtasks[&id].clone());
                        assert!(again.is_none(), "subtask {id} was asked for twice");
                    }
                    if need.servers {
                        assert!(frame.servers.is_none(), "servers were asked for twice");
                        frame.servers = Some(self.servers.values().copied().collect());
                    }
                }
            }
        }
        panic!("asks for rows one by one");
    }

    /// A commit reads what it is about and what waits for what succeeded, never the whole graph.
    fn check_frame(&self, frame: &Frame, event: &Event, change: Option<&Change>) {
        let mut allowed: BTreeSet<_> = named(event).into_iter().collect();
        let mut rolls_up = false;
        for subtask in change.into_iter().flat_map(|change| &change.subtasks) {
            let was = self.subtasks[&subtask.id].state.status;
            if subtask.state.status == SubtaskStatus::Successful && was != subtask.state.status {
                allowed.extend(subtask.downstreams.iter());
                rolls_up |= subtask.kind == SubtaskKind::UpdateZoneStatus;
            }
        }
        for id in frame.subtasks.keys() {
            assert!(allowed.contains(id), "subtask {id} was read without need");
        }
        assert_eq!(frame.servers.is_some(), rolls_up);
    }

    fn write(&mut self, change: &Change) {
        self.task = change.task.clone();
        for subtask in &change.subtasks {
            let row = self.subtasks.get_mut(&subtask.id).unwrap();
            *row = Subtask {
                version: row.version + 1,
                ..subtask.clone()
            };
        }
        for server in &change.servers {
            self.servers.get_mut(&server.id).unwrap().status = server.status;
        }
        for zone in &change.zones {
            *self.zones.get_mut(&zone.id).unwrap() = zone.status;
        }
        if let Some(cluster) = &change.cluster {
            assert_eq!(cluster.id, self.task.cluster.id);
            self.cluster = (cluster.status, cluster.reason.clone());
        }
        if change.release {
            self.holder = None;
        }
        self.revisions.extend(change.revisions.iter().cloned());
        let claimed = change.claimed.iter();
        self.runs
            .extend(claimed.map(|id| (*id, self.subtasks[id].epoch)));
    }

    fn note_proof(&mut self, event: &Event) {
        let Event::Finish {
            subtask, outcome, ..
        } = event
        else {
            return;
        };
        let row = &self.subtasks[subtask];
        if row.kind == SubtaskKind::UpdateObserverStatus
            && outcome.result.is_ok()
            && outcome.observed == Some(Observation::Gone)
        {
            self.proven.extend(row.server);
        }
    }

    /// Only the server that a run looked at changes.
    fn check_resources(&self, event: &Event, change: &Change) {
        let looked_at = match event {
            Event::Finish { subtask, .. } => self.subtasks[subtask].server,
            _ => None,
        };
        for server in &change.servers {
            assert_eq!(Some(server.id), looked_at);
        }
    }

    /// Epochs only grow, and name the change that began the run; nothing but a row's state and run changes.
    fn check_runs(
        &self,
        before: &BTreeMap<SubtaskId, Subtask>,
        change: &Change,
        claimant: &Claimant,
    ) {
        for (id, was) in before {
            let is = &self.subtasks[id];
            let unchanged = Subtask {
                state: is.state.clone(),
                open_upstreams: is.open_upstreams,
                epoch: is.epoch,
                owner: is.owner.clone(),
                deadline: is.deadline,
                version: is.version,
                ..was.clone()
            };
            assert_eq!(*is, unchanged, "more than a run changed");
            if is.version == was.version {
                assert_eq!(is, was);
            }

            let of_this = change
                .revisions
                .iter()
                .filter_map(|revision| match &revision.what {
                    Changed::Subtask(of, state) if of == id => {
                        Some((revision.number, state.status))
                    }
                    _ => None,
                });
            let raised = of_this.clone().rfind(|(_, to)| {
                // READY from RUNNING is a run that was given back; it too must commit nothing any more.
                *to == SubtaskStatus::Running
                    || *to == SubtaskStatus::Ready && was.state.status == SubtaskStatus::Running
            });
            match raised {
                Some((number, _)) => {
                    assert_eq!(is.epoch, number);
                    assert!(is.epoch > was.epoch);
                }
                None => assert_eq!(is.epoch, was.epoch),
            }

            let began = of_this.clone().any(|(_, to)| to == SubtaskStatus::Running);
            if began {
                assert_eq!(is.state.executor.as_ref(), Some(&claimant.host));
            }
            let logs = change.logs.iter().filter(|log| log.subtask == *id);
            let logged: Vec<_> = logs.map(|log| (log.epoch, log.time)).collect();
            if began && is.foldable {
                assert_eq!(logged, [(is.epoch, self.task.last_time)]);
            } else {
                assert_eq!(logged, []);
            }
        }
    }

    /// A claimant gets what it may run, as much as it has room for, and no more.
    fn check_claims(&self, event: &Event, change: &Change, claimant: &Claimant) {
        assert!(change.claimed.len() <= claimant.room);
        let deadline = |subtask: &Subtask| Some(self.task.last_time.plus(subtask.timeout));
        for id in &change.claimed {
            let row = &self.subtasks[id];
            assert_eq!(row.state.status, SubtaskStatus::Running);
            assert!(!row.foldable && may_run(row, claimant));
            assert_eq!(row.owner.as_ref(), Some(&claimant.executor));
            assert_eq!(row.deadline, deadline(row));
        }
        let claimed: BTreeSet<_> = change.claimed.iter().collect();
        assert_eq!(claimed.len(), change.claimed.len(), "claimed twice");

        let has_room = change.claimed.len() < claimant.room;
        if has_room && matches!(event, Event::Finish { .. } | Event::Claim { .. }) {
            for subtask in &change.subtasks {
                let left = subtask.state.status == SubtaskStatus::Ready;
                assert!(!(left && may_run(subtask, claimant)), "left without need");
            }
        }
    }

    /// What holds of the rows after every commit.
    fn check_rows(&self) {
        use SubtaskStatus::{Failed, Running, Successful};
        let mut tally = Tally::default();
        for subtask in self.subtasks.values() {
            let status = subtask.state.status;
            tally.total += 1;
            tally.successful += u32::from(status == Successful);
            tally.failed += u32::from(status == Failed);
            tally.active += u32::from(status.is_active());

            let upstreams = subtask.upstreams.iter();
            let open = upstreams.filter(|id| self.subtasks[id].state.status != Successful);
            assert_eq!(subtask.open_upstreams as usize, open.count());
            let runs = status == Running;
            assert_eq!(
                (subtask.owner.is_some(), subtask.deadline.is_some()),
                (runs, runs)
            );
            let untouched_root = subtask.upstreams.is_empty() && self.task.revision == 2;
            assert!(untouched_root || !(subtask.foldable && status.is_active()));
        }
        assert_eq!(self.task.tally, tally);
        for server in self.servers.values() {
            let stopped = server.status == ResourceStatus::Stopped;
            assert_eq!(stopped, self.proven.contains(&server.id));
        }
        self.check_roll_ups();
        self.check_end(tally);
    }

    fn check_roll_ups(&self) {
        for (zone, status) in &self.zones {
            let done = |kind| {
                let of_zone = |s: &&Subtask| s.kind == kind && s.zone == Some(*zone);
                let subtask = self.subtasks.values().find(of_zone).unwrap();
                subtask.state.status == SubtaskStatus::Successful
            };
            let mut servers = self.servers.values().filter(|s| s.zone == *zone);
            let expected = if done(SubtaskKind::UpdateZoneStatus) {
                stopped_only_if(servers.all(|s| self.proven.contains(&s.id)))
            } else if done(SubtaskKind::PrepareStopObZone) {
                ResourceStatus::Stopping
            } else {
                ResourceStatus::Running
            };
            assert_eq!(*status, expected, "zone {zone}");
        }
    }

    fn check_end(&self, tally: Tally) {
        let error = &self.task.state.error;
        assert_eq!(error.is_some(), tally.failed > 0);
        match self.task.state.status {
            TaskStatus::Running => {
                assert_eq!(self.cluster, (ResourceStatus::Stopping, String::new()));
                assert!(self.holder.is_some() && tally.active > 0);
            }
            TaskStatus::Failed => {
                assert!(self.holder.is_some(), "a FAILED task keeps its cluster");
                assert_eq!(self.cluster.0, ResourceStatus::Stopping);
                assert!(self.cluster.1.contains(error.as_ref().unwrap()));
                assert_eq!(tally.active, 0);
            }
            TaskStatus::Successful => {
                assert!(self.holder.is_none());
                let all = self.proven.len() == self.servers.len();
                assert_eq!(self.cluster.0, stopped_only_if(all));
                assert_eq!(self.cluster.1.is_empty(), all, "{}", self.cluster.1);
                assert_eq!(tally.successful, tally.total);
            }
        }
    }
}

fn stopped_only_if(all_stopped: bool) -> ResourceStatus {
    if all_stopped {
        ResourceStatus::Stopped
    } else {
        ResourceStatus::Unavailable
    }
}

fn written(advance: Advance) -> Change {
    match advance {
        Advance::Write(change) => *change,
        Advance::Need(need) => panic!("needs {need:?} although everything is there"),
    }
}

fn by_id(subtasks: &[Subtask]) -> BTreeMap<SubtaskId, Subtask> {
    subtasks.iter().map(|s| (s.id, s.clone())).collect()
}
