//! What every operation and every subtask gets for free: run twice it comes to the same end; failed once it is
//! retried, undone or passed over, and everything is called what the contract says.

use slacktide_engine::{
    allow::allow,
    commit::{Claimant, Event},
    id::SubtaskId,
    kind::SubtaskKind,
    plan::Request,
    status::{
        Goal, Operation,
        ResourceStatus::{Running, Stopped, Unavailable},
        StopMode,
        SubtaskStatus::{self, Canceling, Failed, Pending, Successful},
        TaskStatus,
    },
};

use crate::{
    host::{
        Hosts, claim_all, command, drive, drive_until, failed, failed_in_passing, finish, later,
        run,
    },
    topology::{GOALS, Part, Topology, real},
    world::World,
};

/// With a freeze and an account, as many subtasks as possible have something to do outside.
const REQUEST: Request = Request {
    mode: StopMode::Graceful,
    minor_freeze: None,
    parallel: None,
};

/// Every operation; a restart of a cluster both with zones that go side by side and with zones that take turns.
fn operations() -> impl Iterator<Item = Topology> {
    let parts = [Part::Cluster, Part::Zone(0), Part::Server(0, 1)];
    let operations = GOALS
        .into_iter()
        .flat_map(move |goal| parts.map(|part| (goal, part, real(&[2, 1]))));
    operations
        .chain([(Goal::Restart, Part::Cluster, real(&[1, 1, 1]))])
        .map(|(goal, part, cluster)| Topology::new(cluster, goal, part, REQUEST))
}

/// Everything that is known at the end, but for how often and when it was done.
#[derive(Debug, PartialEq)]
struct End {
    task: (TaskStatus, Operation, Option<String>),
    subtasks: Vec<(SubtaskId, SubtaskStatus)>,
    statuses: crate::statuses::Statuses,
    hosts: Hosts,
}

fn end(world: &World, hosts: &Hosts) -> End {
    let state = &world.task.state;
    let subtasks = world.subtasks.values();
    End {
        task: (state.status, Operation::Execute, state.error.clone()),
        subtasks: subtasks.map(|s| (s.id, s.state.status)).collect(),
        statuses: world.statuses.clone(),
        hosts: hosts.clone(),
    }
}

/// Has a case for each operation and each of its subtasks that an executor runs: stands where that one runs. With
/// what the undisturbed operation comes to.
fn each_subtask(mut case: impl FnMut(&mut World, &mut Hosts, SubtaskId, &End)) {
    let mut kinds = std::collections::BTreeSet::new();
    for topology in operations() {
        assert_eq!(
            allow(&topology.cluster, topology.goal, topology.subject()),
            Ok(())
        );
        let (mut world, mut hosts) = (World::new(&topology), Hosts::of(&topology));
        drive(&mut world, &mut hosts);
        let undisturbed = end(&world, &hosts);
        assert_eq!(undisturbed.task.0, TaskStatus::Successful);
        let undisturbed_rows = world.subtasks;
        let (mut world, mut hosts) = (World::new(&topology), Hosts::of(&topology));
        for subtask in undisturbed_rows.into_values().filter(|s| !s.foldable) {
            kinds.insert(subtask.kind);
            if world.subtasks[&subtask.id].state.status == Successful {
                // Zones that go side by side are not in the order of ids.
                (world, hosts) = (World::new(&topology), Hosts::of(&topology));
            }
            let found = drive_until(&mut world, &mut hosts, |row| row.id == subtask.id);
            assert_eq!(found, Some(subtask.id));
            case(
                &mut world.clone(),
                &mut hosts.clone(),
                subtask.id,
                &undisturbed,
            );
        }
    }
    let never = [
        SubtaskKind::WaitNode,
        SubtaskKind::UpdateZoneStatus,
        SubtaskKind::UpdateObClusterStatus,
        SubtaskKind::PrepareStartCluster,
        SubtaskKind::PrepareRestartCluster,
        SubtaskKind::SetZoneContext,
        SubtaskKind::PrepareStartObZone,
        SubtaskKind::StartOcpAgentService,
    ];
    let missing = SubtaskKind::ALL.iter().filter(|kind| !kinds.contains(kind));
    assert!(missing.eq(SubtaskKind::ALL.iter().filter(|kind| never.contains(kind))));
}

/// The run fails without having done anything; what else runs, ends well.
fn fail_once(world: &mut World, hosts: &mut Hosts, subtask: SubtaskId) {
    let observed = hosts.look(&world.subtasks[&subtask]);
    finish(world, subtask, failed(observed));
    drive(world, hosts);
    check_failed(world, hosts, subtask);
}

/// A task that failed keeps its cluster, says why, and calls its server what that is.
fn check_failed(world: &World, hosts: &Hosts, subtask: SubtaskId) {
    assert_eq!(world.task.state.status, TaskStatus::Failed);
    assert_eq!(world.statuses.cluster, world.task.kind.holds());
    assert!(world.holder.is_some());
    let row = &world.subtasks[&subtask];
    assert_eq!(row.state.status, Failed);
    let error = world.task.state.error.as_ref().unwrap();
    assert!(error.contains(&format!("(subtask {subtask})")), "{error}");
    for downstream in row.downstreams.iter() {
        assert_eq!(world.subtasks[&downstream].state.status, Pending);
    }
    if let Some(server) = row.server.filter(|_| looks(row.kind)) {
        let seen = if hosts.alive[&server] {
            Running
        } else {
            Stopped
        };
        assert_eq!(world.statuses.servers[&server], seen);
    }
}

fn looks(kind: SubtaskKind) -> bool {
    !matches!(
        kind,
        SubtaskKind::StartServer | SubtaskKind::StopServer | SubtaskKind::WaitObserverActive
    )
}

/// Undone, everything is as it was and is called as it was.
fn check_undone(world: &World, hosts: &Hosts) {
    let state = &world.task.state;
    assert_eq!(
        (state.status, state.operation),
        (TaskStatus::Successful, Operation::Rollback)
    );
    assert!(world.subtasks.values().all(|s| s.state.status == Pending));
    let topology = &world.topology;
    // A restart leaves running what it has brought back up, so that nothing is down afterwards.
    assert_eq!(*hosts, Hosts::of(topology));
    world
        .statuses
        .assert_same(&crate::statuses::Statuses::of(&topology.cluster));
    assert!(world.holder.is_none());
}

#[test]
fn every_subtask_that_is_run_twice_comes_to_the_same_end() {
    each_subtask(|world, hosts, subtask, undisturbed| {
        let first = hosts.run(world, &world.subtasks[&subtask]);
        let epoch = world.subtasks[&subtask].epoch;
        let now = later(world);
        // What it did is done, but its answer is lost: it is handed back, and run again.
        let back = Event::HandBack { subtask, epoch };
        world.commit(&back, &Claimant::none(), now).unwrap();
        let late = Event::Finish {
            subtask,
            epoch,
            outcome: first,
        };
        assert!(world.commit(&late, &Claimant::none(), now).is_err());
        drive(world, hosts);
        assert_eq!(end(world, hosts), *undisturbed);
        assert_eq!(world.subtasks[&subtask].state.run_time, 1);
    });
}

#[test]
fn every_subtask_whose_executor_is_lost_comes_to_the_same_end() {
    each_subtask(|world, hosts, subtask, undisturbed| {
        hosts.run(world, &world.subtasks[&subtask]);
        let row = &world.subtasks[&subtask];
        let host = row.host.clone().unwrap_or_else(|| "h0".to_owned());
        let runs = vec![(subtask, row.epoch)];
        let (now, other) = (later(world), crate::topology::executor("other", &host, 1));
        let taken = world.commit(&Event::TakeOver { runs }, &other, now);
        assert_eq!(taken.unwrap().claimed, [subtask]);
        run(world, hosts, subtask);
        drive(world, hosts);
        assert_eq!(end(world, hosts), *undisturbed);
        assert_eq!(world.subtasks[&subtask].state.run_time, 1);
    });
}

#[test]
fn every_subtask_that_failed_once_and_is_retried_comes_to_the_same_end() {
    each_subtask(|world, hosts, subtask, undisturbed| {
        fail_once(world, hosts, subtask);
        command(world, &Event::RetryTask);
        drive(world, hosts);
        assert_eq!(end(world, hosts), *undisturbed);
        let state = &world.subtasks[&subtask].state;
        assert_eq!((state.run_time, state.operation), (2, Operation::Retry));
        assert_eq!(world.task.state.operation, Operation::Retry);
    });
}

#[test]
fn every_subtask_that_failed_in_passing_runs_again_by_itself() {
    each_subtask(|world, hosts, subtask, undisturbed| {
        finish(world, subtask, failed_in_passing());
        drive(world, hosts);
        assert_eq!(end(world, hosts), *undisturbed);
        assert_eq!(world.subtasks[&subtask].state.run_time, 2);
        assert_eq!(world.task.state.operation, Operation::Execute);
    });
}

#[test]
fn every_subtask_that_failed_once_and_is_rolled_back_leaves_all_as_it_was() {
    each_subtask(|world, hosts, subtask, _| {
        fail_once(world, hosts, subtask);
        command(world, &Event::RollbackTask);
        drive(world, hosts);
        check_undone(world, hosts);
    });
}

/// The act was done, and only then something went wrong.
#[test]
fn every_subtask_that_failed_after_its_act_and_is_rolled_back_leaves_all_as_it_was() {
    each_subtask(|world, hosts, subtask, _| {
        hosts.run(world, &world.subtasks[&subtask]);
        fail_once(world, hosts, subtask);
        command(world, &Event::RollbackTask);
        drive(world, hosts);
        check_undone(world, hosts);
    });
}

#[test]
fn every_rollback_that_fails_once_is_rolled_back_again() {
    each_subtask(|world, hosts, subtask, _| {
        fail_once(world, hosts, subtask);
        command(world, &Event::RollbackTask);
        claim_all(world);
        if let Some(undone) = drive_until(world, hosts, |row| row.id == subtask) {
            let observed = hosts.look(&world.subtasks[&undone]);
            finish(world, undone, failed(observed));
            drive(world, hosts);
            assert_eq!(world.task.state.status, TaskStatus::Failed);
            assert_eq!(world.task.state.operation, Operation::Rollback);
            command(world, &Event::RollbackTask);
            drive(world, hosts);
        }
        check_undone(world, hosts);
    });
}

/// What is passed over is not done; the servers are called what they are seen to be.
#[test]
fn every_subtask_that_failed_and_is_passed_over_leaves_true_statuses() {
    each_subtask(|world, hosts, subtask, _| {
        fail_once(world, hosts, subtask);
        let alive = hosts.alive.clone();
        command(world, &Event::SkipSubtask(subtask));
        claim_all(world);
        assert_eq!(hosts.alive, alive, "passing over does nothing");
        drive(world, hosts);
        while world.task.state.status == TaskStatus::Failed {
            // The last look finds what was passed over.
            let failed = crate::turns::standing(world, &[Failed]);
            command(world, &Event::SkipSubtask(failed[0]));
            drive(world, hosts);
        }
        assert_eq!(world.task.state.status, TaskStatus::Successful);
        assert!(
            world
                .subtasks
                .values()
                .all(|s| s.state.status == Successful)
        );
        assert!(world.holder.is_none());
        for (server, alive) in &hosts.alive {
            let seen = if *alive { Running } else { Stopped };
            assert_eq!(world.statuses.servers[server], seen);
        }
        let reached = world.topology.goal.reached();
        let all: Vec<_> = world.topology.worked_on();
        let met = all
            .iter()
            .all(|(_, server)| world.statuses.servers[&server.id] == reached);
        if matches!(world.topology.part, Part::Cluster) {
            let expected = if met { reached } else { Unavailable };
            assert_eq!(world.statuses.cluster, expected);
        }
    });
}

#[test]
fn every_subtask_that_is_canceled_ends_with_what_was_seen_and_can_be_retried() {
    each_subtask(|world, hosts, subtask, undisturbed| {
        command(world, &Event::CancelSubtask(subtask));
        assert_eq!(world.subtasks[&subtask].state.status, Canceling);
        drive(world, hosts);
        check_failed(world, hosts, subtask);
        assert_eq!(world.subtasks[&subtask].state.operation, Operation::Cancel);
        command(world, &Event::RetrySubtask(subtask));
        drive(world, hosts);
        assert_eq!(end(world, hosts), *undisturbed);
    });
}
