//! Hosts on which processes live, and executors that do with them as each kind of subtask is documented to do.

use std::collections::BTreeMap;

use slacktide_engine::{
    commit::{Claimant, Event, Failure, Observation, Outcome, Refusal},
    id::{ServerId, SubtaskId},
    kind::SubtaskKind::{StartObserverProcess, StopObserverProcess, UpdateObserverStatus},
    status::{
        Goal, Operation, ResourceStatus,
        SubtaskStatus::{Canceling, Ready, Running},
        TaskStatus,
    },
    subtask::Subtask,
    time::Micros,
};

use crate::{
    topology::{ACCEPTED, Topology},
    turns::{EXECUTORS, claimant, standing},
    world::World,
};

/// Which server's process lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hosts {
    pub(crate) alive: BTreeMap<ServerId, bool>,
}

impl Hosts {
    /// As the cluster's statuses say.
    pub(crate) fn of(topology: &Topology) -> Self {
        let servers = topology.cluster.servers();
        let alive = servers.map(|s| (s.id, s.status == ResourceStatus::Running));
        Self {
            alive: alive.collect(),
        }
    }

    pub(crate) fn look(&self, subtask: &Subtask) -> Option<Observation> {
        let alive = self.alive[&subtask.server?];
        Some(if alive {
            Observation::Alive
        } else {
            Observation::Gone
        })
    }

    /// Runs a subtask, and says how that ended.
    pub(crate) fn run(&mut self, world: &World, subtask: &Subtask) -> Outcome {
        let (goal, kind) = (world.task.kind.goal(), subtask.kind);
        let wanted = match (subtask.state.operation, kind, goal) {
            (Operation::Execute | Operation::Retry, StopObserverProcess, _) => Some(false),
            (Operation::Execute | Operation::Retry, StartObserverProcess, _) => Some(true),
            (Operation::Rollback, StopObserverProcess, _) => Some(true),
            // What a restart has brought back up stays up.
            (Operation::Rollback, StartObserverProcess, Goal::Start) => Some(false),
            _ => None,
        };
        if let (Some(server), Some(wanted)) = (subtask.server, wanted) {
            self.alive.insert(server, wanted);
        }
        let observed = self.look(subtask);
        let reached = match goal {
            Goal::Stop => Observation::Gone,
            Goal::Start | Goal::Restart => Observation::Alive,
        };
        let is_forward = matches!(
            subtask.state.operation,
            Operation::Execute | Operation::Retry
        );
        let amiss = is_forward && kind == UpdateObserverStatus && observed != Some(reached);
        Outcome {
            result: match amiss {
                true => Err(Failure::new("it is not as it should be")),
                false => Ok(()),
            },
            observed,
        }
    }
}

/// Time goes on by as much as any automatic retry waits.
pub(crate) fn later(world: &World) -> Micros {
    Micros(world.task.last_time.0.max(ACCEPTED.0) + 2_000_000)
}

/// Every executor in turn takes all that it may.
pub(crate) fn claim_all(world: &mut World) {
    let now = later(world);
    for executor in EXECUTORS {
        let subtasks = standing(world, &[Ready]);
        let claimed = world.commit(&Event::Claim { subtasks }, &claimant(executor, 9, 9), now);
        assert!(matches!(claimed, Ok(_) | Err(Refusal::NothingToClaim)));
    }
}

/// Commits the outcome of a subtask's present run.
pub(crate) fn finish(world: &mut World, subtask: SubtaskId, outcome: Outcome) {
    let (epoch, now) = (world.subtasks[&subtask].epoch, later(world));
    let event = Event::Finish {
        subtask,
        epoch,
        outcome,
    };
    world.commit(&event, &Claimant::none(), now).unwrap();
}

/// Commits an operator's word.
pub(crate) fn command(world: &mut World, event: &Event) {
    let now = later(world);
    world.commit(event, &Claimant::none(), now).unwrap();
}

/// A run that ended badly, for good, and saw this.
pub(crate) fn failed(observed: Option<Observation>) -> Outcome {
    Outcome {
        result: Err(Failure::new("the disk is full")),
        observed,
    }
}

/// A run that ended badly for a reason that may pass.
pub(crate) fn failed_in_passing() -> Outcome {
    let failure = Failure {
        transient: true,
        ..Failure::new("the server does not answer")
    };
    Outcome {
        result: Err(failure),
        observed: None,
    }
}

/// Runs the subtask that runs, and commits what came of it.
pub(crate) fn run(world: &mut World, hosts: &mut Hosts, subtask: SubtaskId) {
    let outcome = hosts.run(world, &world.subtasks[&subtask]);
    finish(world, subtask, outcome);
}

/// Takes and ends all that there is until the task ends.
pub(crate) fn drive(world: &mut World, hosts: &mut Hosts) {
    drive_until(world, hosts, |_| false);
}

/// Takes and ends all that there is until such a subtask runs, and returns it, or until the task ends.
pub(crate) fn drive_until(
    world: &mut World,
    hosts: &mut Hosts,
    is_it: impl Fn(&Subtask) -> bool,
) -> Option<SubtaskId> {
    while world.task.state.status == TaskStatus::Running {
        let before = world.task.revision;
        claim_all(world);
        let running = standing(world, &[Running, Canceling]);
        let found = running.iter().find(|id| is_it(&world.subtasks[id]));
        if found.is_some() {
            return found.copied();
        }
        for subtask in running {
            run(world, hosts, subtask);
        }
        assert!(world.task.revision > before, "nothing moves any more");
    }
    None
}
