//! A store of rows in memory, and events against it. Every commit is checked as it is made.

use std::collections::{BTreeMap, BTreeSet};

use slacktide_engine::{
    commit::{Advance, Change, Claimant, Event, Frame, Observation, Refusal, Scan, advance},
    id::{SubtaskId, TaskId},
    kind::SubtaskKind::{UpdateObClusterStatus, UpdateZoneStatus},
    plan::Accepted,
    revision::Revision,
    status::{Operation, ResourceStatus, SubtaskStatus, TaskStatus},
    subtask::Subtask,
    task::Task,
    time::Micros,
};

use crate::{
    decided::{is_command, named, refusal, without_advice},
    rows, runs,
    statuses::{self, Statuses},
    topology::Topology,
    watcher::Watcher,
};

/// The rows of one accepted operation.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) topology: Topology,
    pub(crate) accepted: Accepted,
    pub(crate) task: Task,
    pub(crate) subtasks: BTreeMap<SubtaskId, Subtask>,
    pub(crate) statuses: Statuses,
    pub(crate) holder: Option<TaskId>,
    /// Every run that ever was: what late and repeated results speak of.
    pub(crate) runs: Vec<(SubtaskId, i64)>,
    pub(crate) revisions: Vec<Revision>,
    watcher: Watcher,
    /// The longest way through the graph.
    depth: usize,
}

impl World {
    pub(crate) fn new(topology: &Topology) -> Self {
        let accepted = topology.accept();
        let mut watcher = Watcher::new(&accepted);
        for revision in &accepted.revisions {
            watcher.see(revision);
        }
        let mut statuses = Statuses::of(&topology.cluster);
        statuses.cluster = accepted.task.kind.holds();
        let world = Self {
            topology: topology.clone(),
            task: accepted.task.clone(),
            subtasks: by_id(&accepted.subtasks),
            statuses,
            holder: Some(accepted.task.id),
            runs: Vec::new(),
            revisions: accepted.revisions.clone(),
            watcher,
            depth: depth(&accepted.subtasks),
            accepted,
        };
        rows::check(&world);
        world
    }

    /// Commits an event if it is to be had, and checks all that the engine promises of it.
    pub(crate) fn commit(
        &mut self,
        event: &Event,
        claimant: &Claimant,
        now: Micros,
    ) -> Result<Change, Refusal> {
        let expected = refusal(self, event, claimant, now);
        let (frame, result) = self.advance(event, claimant, now);
        let everything = Frame {
            task: self.task.clone(),
            subtasks: self.subtasks.clone(),
            servers: Some(self.statuses.rows()),
            scanned: Some(Scan::All),
        };
        let told_everything = advance(&everything, event, claimant, now).map(written);
        assert_eq!(
            result, told_everything,
            "what a frame holds beyond what was asked for makes a difference"
        );
        self.check_frame(&frame, event, result.as_ref().ok());
        assert_eq!(
            result.as_ref().err().cloned().map(without_advice),
            expected,
            "{event:?}"
        );

        let change = result?;
        let before = self.subtasks.clone();
        let statuses = statuses::after(self, event, &change);
        self.check_proof(event, &change);
        self.write(&change);
        self.statuses.assert_same(&statuses);
        assert!(self.task.last_time >= now.max(self.accepted.task.create_time));
        for revision in &change.revisions {
            assert_eq!(revision.time, self.task.last_time);
            self.watcher.see(revision);
        }
        self.watcher.compare(&self.task, &self.subtasks);
        runs::check(self, &before, event, &change, claimant);
        rows::check(self);
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
            scanned: None,
        };
        // A step of the graph at most each time, and once each: what the event names, a scan, the servers.
        for _ in 0..=self.depth + 3 {
            match advance(&frame, event, claimant, now) {
                Err(refusal) => return (frame, Err(refusal)),
                Ok(Advance::Write(change)) => return (frame, Ok(*change)),
                Ok(Advance::Need(need)) => {
                    let some = need.servers || !need.subtasks.is_empty() || need.scan.is_some();
                    assert!(some, "needs nothing");
                    for id in need.subtasks {
                        let again = frame.subtasks.insert(id, self.subtasks[&id].clone());
                        assert!(again.is_none(), "subtask {id} was asked for twice");
                    }
                    if let Some(scan) = need.scan {
                        assert!(frame.scanned.is_none(), "scanned twice");
                        let seen = self.subtasks.values().filter(|row| scan.sees(row));
                        frame.subtasks.extend(seen.map(|row| (row.id, row.clone())));
                        frame.scanned = Some(scan);
                    }
                    if need.servers {
                        assert!(frame.servers.is_none(), "servers were asked for twice");
                        frame.servers = Some(self.statuses.rows());
                    }
                }
            }
        }
        panic!("asks for rows one by one");
    }

    /// A commit reads what it is about and what waits for what has ended, never the whole graph, unless an
    /// operator asks for something that concerns all of it.
    fn check_frame(&self, frame: &Frame, event: &Event, change: Option<&Change>) {
        let mut allowed: BTreeSet<_> = named(event).into_iter().collect();
        let mut rolls_up = false;
        for subtask in change.into_iter().flat_map(|change| &change.subtasks) {
            if subtask.state.status == self.subtasks[&subtask.id].state.status {
                continue;
            }
            match subtask.state.status {
                SubtaskStatus::Successful => {
                    allowed.extend(subtask.downstreams.iter());
                    rolls_up |= [UpdateZoneStatus, UpdateObClusterStatus].contains(&subtask.kind);
                }
                SubtaskStatus::Pending => allowed.extend(subtask.upstreams.iter()),
                _ => {}
            }
        }
        let ended = change.map(|change| &change.task.state);
        let ended_as = |status| ended.is_some_and(|state| state.status == status);
        rolls_up |= ended_as(TaskStatus::Successful);
        assert_eq!(frame.servers.is_some(), rolls_up);

        let sees = |row| frame.scanned.is_some_and(|scan| scan.sees(row));
        for row in frame.subtasks.values() {
            let with_cause = allowed.contains(&row.id) || sees(row);
            assert!(with_cause, "subtask {} was read without need", row.id);
        }
        let is_rollback = self.task.state.operation == Operation::Rollback;
        match frame.scanned {
            None => {}
            Some(Scan::Stuck) => assert!(is_command(event) || ended_as(TaskStatus::Failed)),
            Some(Scan::Active) => assert_eq!(*event, Event::CancelTask),
            Some(Scan::All) => assert!(
                *event == Event::RollbackTask
                    || is_rollback && matches!(event, Event::SkipSubtask(_))
            ),
        }
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
        self.statuses.write(change);
        if change.release {
            self.holder = None;
        }
        self.revisions.extend(change.revisions.iter().cloned());
        let claimed = change.claimed.iter();
        let claimed = claimed.map(|id| (*id, self.subtasks[id].epoch));
        let folded = change.logs.iter().map(|log| (log.subtask, log.epoch));
        for run in claimed.chain(folded) {
            assert!(!self.runs.contains(&run), "{run:?} ran twice");
            self.runs.push(run);
        }
    }

    /// A server that is called STOPPED from now on was seen to be gone by the run that says so.
    fn check_proof(&self, event: &Event, change: &Change) {
        let gone = match event {
            Event::Finish {
                subtask, outcome, ..
            } => Some((subtask, outcome.observed)),
            Event::Expire {
                subtask, observed, ..
            } => Some((subtask, *observed)),
            _ => None,
        };
        let gone = gone.filter(|(_, observed)| *observed == Some(Observation::Gone));
        for server in &change.servers {
            if server.status == ResourceStatus::Stopped {
                let of = gone.and_then(|(subtask, _)| self.subtasks[subtask].server);
                assert_eq!(of, Some(server.id), "STOPPED without a look");
            }
        }
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

fn depth(subtasks: &[Subtask]) -> usize {
    let mut depths: BTreeMap<SubtaskId, usize> = BTreeMap::new();
    for subtask in subtasks {
        let above = subtask.upstreams.iter().map(|id| depths[&id]).max();
        depths.insert(subtask.id, above.unwrap_or(0) + 1);
    }
    depths.into_values().max().unwrap_or(0)
}
