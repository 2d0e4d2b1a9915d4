//! Random interleavings of executors and operators, then a fair schedule to the end.

use proptest::{prelude::*, sample::select};
use slacktide_engine::{
    commit::{Claimant, Event, Outcome},
    status::{Operation, SubtaskStatus::Failed, TaskStatus},
    task::as_accepted,
};

use crate::{
    host::{Hosts, drive, later},
    topology::{ACCEPTED, HOSTS, any_topology},
    turns::{EXECUTORS, any_turns, claimant, standing},
    world::World,
};

/// How an operator brings a task that failed to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mend {
    RetryTask,
    RetryEach,
    Skip,
    RollBack,
    /// Rolls back, and passes over what cannot be undone.
    RollBackAndSkip,
}

const MENDS: [Mend; 5] = [
    Mend::RetryTask,
    Mend::RetryEach,
    Mend::Skip,
    Mend::RollBack,
    Mend::RollBackAndSkip,
];

/// Has a FAILED task go on. What is rolled back already can only be rolled back again, or passed over.
fn mend(world: &mut World, how: Mend) {
    let is_rollback = world.task.state.operation == Operation::Rollback;
    let failed = standing(world, &[Failed]);
    let each = |what: fn(_) -> Event| failed.into_iter().map(what).collect();
    let events: Vec<Event> = match (how, is_rollback) {
        (Mend::RetryTask, false) => vec![Event::RetryTask],
        (Mend::RetryEach, false) => each(Event::RetrySubtask),
        (Mend::Skip, false) | (Mend::Skip | Mend::RollBackAndSkip | Mend::RetryEach, true) => {
            each(Event::SkipSubtask)
        }
        _ => vec![Event::RollbackTask],
    };
    for event in events {
        let now = later(world);
        world.commit(&event, &Claimant::none(), now).unwrap();
    }
}

/// Whatever comes after the end is refused.
fn knock(world: &mut World) {
    let anyone = claimant(EXECUTORS[0], 100, 100);
    let all = || world.subtasks.keys().copied();
    let of_all = |what: fn(_) -> Event| all().map(what).collect::<Vec<_>>();
    let mut events = vec![
        Event::Claim {
            subtasks: all().collect(),
        },
        Event::TakeOver {
            runs: world.runs.clone(),
        },
        Event::Strand {
            subtasks: all().collect(),
            reason: "nobody is there".to_owned(),
        },
        Event::Abandon {
            runs: world.runs.clone(),
            reason: "nobody is there".to_owned(),
        },
        Event::RetryTask,
        Event::RollbackTask,
        Event::CancelTask,
    ];
    for what in [
        Event::RetrySubtask,
        Event::SkipSubtask,
        Event::CancelSubtask,
    ] {
        events.extend(of_all(what).into_iter().take(3));
    }
    events.extend(
        world
            .runs
            .iter()
            .rev()
            .take(40)
            .map(|&(subtask, epoch)| Event::Finish {
                subtask,
                epoch,
                outcome: Outcome::success(),
            }),
    );
    for event in events {
        assert!(world.commit(&event, &anyone, ACCEPTED).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// `World::commit` holds the properties of each commit; what is told here is the end: whatever has happened,
    /// executors that succeed and an operator who mends bring the task to it.
    #[test]
    fn any_interleaving_keeps_every_promise_and_comes_to_an_end(
        topology in any_topology(),
        turns in any_turns(),
        how in select(&MENDS),
    ) {
        let mut world = World::new(&topology);
        for turn in &turns {
            turn.take(&mut world);
        }
        let mut hosts = Hosts::of(&topology);
        drive(&mut world, &mut hosts);
        let mut mended = 0;
        while world.task.state.status == TaskStatus::Failed {
            mended += 1;
            assert!(mended < 20, "mending does not help");
            // What passes over a failure may leave a server as it should not be, which a later look tells.
            mend(&mut world, if mended < 10 { how } else { Mend::Skip });
            drive(&mut world, &mut hosts);
        }
        assert_eq!(world.task.state.status, TaskStatus::Successful);
        if mended > 0 && matches!(how, Mend::RollBack | Mend::RollBackAndSkip) {
            assert_eq!(world.task.state.operation, Operation::Rollback);
        }
        knock(&mut world);
        check_as_accepted(&world);
    }

    /// Every subtask with a host ran there, and every server became what was wanted.
    #[test]
    fn an_undisturbed_operation_does_what_it_is_for(topology in any_topology()) {
        let mut world = World::new(&topology);
        let mut hosts = Hosts::of(&topology);
        drive(&mut world, &mut hosts);
        assert_eq!(world.task.state.status, TaskStatus::Successful);
        assert_eq!(world.task.state.operation, Operation::Execute);
        for (zone, server) in topology.worked_on() {
            let reached = topology.goal.reached();
            assert_eq!(world.statuses.servers[&server.id], reached);
            if topology.subject().operation(topology.goal).extent() != slacktide_engine::status::Extent::Server {
                assert_eq!(world.statuses.zones[&zone], reached);
            }
        }
        for subtask in world.subtasks.values() {
            assert_eq!(subtask.state.run_time, 1);
            if let Some(host) = subtask.host.as_ref().filter(|_| !subtask.foldable) {
                assert!(HOSTS.contains(&host.as_str()));
                assert_eq!(subtask.state.executor.as_ref(), Some(host));
            }
        }
    }
}

fn check_as_accepted(world: &World) {
    let rows = world.subtasks.values().cloned().collect();
    let (task, subtasks) = as_accepted(world.task.clone(), rows);
    assert_eq!(task, world.accepted.task);
    for (again, first) in subtasks.iter().zip(&world.accepted.subtasks) {
        assert_eq!((again.id, &again.state), (first.id, &first.state));
    }
}
