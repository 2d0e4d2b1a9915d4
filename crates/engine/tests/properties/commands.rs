//! Operators' words told step by step.

use std::time::Duration;

use slacktide_engine::{
    commit::{Claimant, Event, Observation, Outcome, Refusal},
    id::{ServerId, SubtaskId},
    kind::SubtaskKind::{self, PrepareStopObserver, StopObserverProcess, UpdateObserverStatus},
    status::{
        Goal, Operation,
        ResourceStatus::{Running as Up, Stopped, Unavailable},
        SubtaskStatus::{Canceling, Failed, Pending, Ready, Running, Successful},
        TaskStatus,
    },
    subtask::Subtask,
    time::Micros,
};

use crate::{
    host::{
        Hosts, claim_all, command, drive, drive_until, failed, failed_in_passing, finish, later,
    },
    topology::{IMMEDIATE, Part, Topology, executor, real},
    turns::standing,
    world::World,
};

/// An operation on a cluster of real servers that stands where the first of this kind runs.
fn at(goal: Goal, zones: &[usize], kind: SubtaskKind) -> (World, Hosts, SubtaskId) {
    let topology = Topology::new(real(zones), goal, Part::Cluster, IMMEDIATE);
    let (mut world, mut hosts) = (World::new(&topology), Hosts::of(&topology));
    let found = drive_until(&mut world, &mut hosts, |row| row.kind == kind);
    (world, hosts, found.unwrap())
}

fn stop_at(zones: &[usize], kind: SubtaskKind) -> (World, Hosts, SubtaskId) {
    at(Goal::Stop, zones, kind)
}

fn saw(observed: Observation) -> Outcome {
    Outcome {
        result: Ok(()),
        observed: Some(observed),
    }
}

fn stands(world: &World, id: SubtaskId) -> (slacktide_engine::status::SubtaskStatus, Operation) {
    let state = &world.subtasks[&id].state;
    (state.status, state.operation)
}

/// Claims a subtask at some time, and says whether it was to be had.
fn claim(world: &mut World, id: SubtaskId, now: Micros) -> bool {
    let subtasks = vec![id];
    let claimed = world.commit(&Event::Claim { subtasks }, &executor("e0", "h0", 1), now);
    claimed.is_ok()
}

#[test]
fn automatic_retries_wait_longer_each_time_and_an_operators_begins_anew() {
    let (mut world, _, stop) = stop_at(&[1], StopObserverProcess);
    for round in 1..=2 {
        for (position, wait) in [1, 2].map(Duration::from_secs).into_iter().enumerate() {
            finish(&mut world, stop, failed_in_passing());
            assert_eq!(stands(&world, stop), (Ready, Operation::Retry));
            let row = &world.subtasks[&stop];
            assert_eq!(row.auto_retries as usize, position + 1);
            let due = world.task.last_time.plus(wait);
            assert_eq!(row.not_before, Some(due));
            assert!(!claim(&mut world, stop, Micros(due.0 - 1)));
            assert!(claim(&mut world, stop, due));
        }
        finish(&mut world, stop, failed_in_passing());
        assert_eq!(world.task.state.status, TaskStatus::Failed);
        assert_eq!(world.subtasks[&stop].state.run_time, 3 * round);
        command(&mut world, &Event::RetrySubtask(stop));
        assert_eq!(world.subtasks[&stop].auto_retries, 0);
        let now = later(&world);
        assert!(claim(&mut world, stop, now));
    }
}

/// A look that fails in passing must not turn into the act that was to be passed over.
#[test]
fn a_skip_that_fails_in_passing_is_still_a_skip() {
    let (mut world, mut hosts, stop) = stop_at(&[1], StopObserverProcess);
    finish(&mut world, stop, failed(None));
    command(&mut world, &Event::SkipSubtask(stop));
    claim_all(&mut world);
    finish(&mut world, stop, failed_in_passing());
    assert_eq!(stands(&world, stop), (Ready, Operation::Skip));
    drive(&mut world, &mut hosts);
    assert!(hosts.alive[&ServerId(101)], "it was stopped after all");
}

#[test]
fn a_stop_that_was_skipped_through_leaves_the_cluster_unavailable() {
    let (mut world, mut hosts, mut subtask) = stop_at(&[1], StopObserverProcess);
    for kind in [StopObserverProcess, UpdateObserverStatus] {
        assert_eq!(world.subtasks[&subtask].kind, kind);
        finish(&mut world, subtask, failed(Some(Observation::Alive)));
        command(&mut world, &Event::SkipSubtask(subtask));
        let next = |row: &Subtask| row.kind == UpdateObserverStatus && row.id != subtask;
        subtask = drive_until(&mut world, &mut hosts, next).unwrap_or(subtask);
    }
    assert_eq!(world.task.state.status, TaskStatus::Successful);
    assert_eq!(world.statuses.servers[&ServerId(101)], Up);
    assert_eq!(world.statuses.cluster, Unavailable);
    assert!(world.holder.is_none());
}

#[test]
fn a_success_that_comes_while_canceling_ends_as_canceled_and_keeps_what_was_seen() {
    for (observed, status) in [
        (Some(Observation::Gone), Stopped),
        (Some(Observation::Alive), Up),
        (None, Unavailable),
    ] {
        let (mut world, _, stop) = stop_at(&[1], StopObserverProcess);
        command(&mut world, &Event::CancelSubtask(stop));
        assert_eq!(stands(&world, stop), (Canceling, Operation::Cancel));
        let result = Ok(());
        finish(&mut world, stop, Outcome { result, observed });
        assert_eq!(stands(&world, stop), (Failed, Operation::Cancel));
        assert_eq!(world.statuses.servers[&ServerId(101)], status);
        let error = world.subtasks[&stop].state.error.as_ref().unwrap();
        assert_eq!(error.contains("outcome unknown"), observed.is_none());
    }
}

#[test]
fn a_canceled_run_has_ten_seconds_to_end_also_after_a_takeover() {
    let limit = Duration::from_secs(10);
    let (mut world, _, stop) = stop_at(&[1], StopObserverProcess);
    command(&mut world, &Event::CancelSubtask(stop));
    let row = &world.subtasks[&stop];
    assert_eq!(row.deadline, Some(world.task.last_time.plus(limit)));
    let runs = vec![(stop, row.epoch)];
    let now = later(&world);
    let taken = world.commit(&Event::TakeOver { runs }, &executor("e1", "h0", 1), now);
    assert_eq!(taken.unwrap().claimed, [stop]);
    assert_eq!(stands(&world, stop), (Canceling, Operation::Cancel));
    let row = &world.subtasks[&stop];
    assert_eq!(row.deadline, Some(world.task.last_time.plus(limit)));
    let (subtask, epoch) = (stop, row.epoch);
    // Whoever drains has no time to look.
    let back = Event::HandBack { subtask, epoch };
    world.commit(&back, &Claimant::none(), now).unwrap();
    assert_eq!(stands(&world, stop), (Failed, Operation::Cancel));
    assert_eq!(world.statuses.servers[&ServerId(101)], Unavailable);
}

#[test]
fn a_canceled_task_starts_nothing_more_until_an_operator_has_it_go_on() {
    for how in ["retry", "skip", "roll back"] {
        let (mut world, mut hosts, running) = stop_at(&[3, 1], PrepareStopObserver);
        let waiting = standing(&world, &[Running])[1];
        let (epoch, subtask) = (world.subtasks[&waiting].epoch, waiting);
        let now = later(&world);
        let back = Event::HandBack { subtask, epoch };
        world.commit(&back, &Claimant::none(), now).unwrap();
        command(&mut world, &Event::CancelTask);
        assert_eq!(stands(&world, running), (Canceling, Operation::Cancel));
        assert_eq!(stands(&world, waiting), (Failed, Operation::Cancel));
        assert_eq!(world.task.state.operation, Operation::Cancel);
        assert_eq!(world.task.state.status, TaskStatus::Running);
        // Said twice, it is as good as said once.
        command(&mut world, &Event::CancelTask);
        drive(&mut world, &mut hosts);
        assert_eq!(world.task.state.status, TaskStatus::Failed);
        assert!(standing(&world, &[Pending]).len() > 10, "nothing more ran");

        match how {
            "retry" => command(&mut world, &Event::RetryTask),
            "skip" => {
                for id in standing(&world, &[Failed]) {
                    command(&mut world, &Event::SkipSubtask(id));
                }
            }
            _ => command(&mut world, &Event::RollbackTask),
        }
        assert_ne!(world.task.state.operation, Operation::Cancel, "{how}");
        drive(&mut world, &mut hosts);
        assert_eq!(world.task.state.status, TaskStatus::Successful, "{how}");
        let expected = if how == "roll back" { Up } else { Stopped };
        assert_eq!(world.statuses.cluster, expected, "{how}");
    }
}

#[test]
fn a_rollback_that_is_canceled_is_still_a_rollback() {
    let (mut world, mut hosts, stop) = stop_at(&[1], StopObserverProcess);
    finish(&mut world, stop, failed(Some(Observation::Gone)));
    command(&mut world, &Event::RollbackTask);
    claim_all(&mut world);
    for _ in 0..2 {
        command(&mut world, &Event::CancelTask);
        assert_eq!(world.task.state.operation, Operation::Rollback);
    }
    drive(&mut world, &mut hosts);
    assert_eq!(world.task.state.status, TaskStatus::Failed);
    for event in [Event::RetryTask, Event::RetrySubtask(stop)] {
        let now = later(&world);
        let refused = world.commit(&event, &Claimant::none(), now).unwrap_err();
        assert!(refused.to_string().contains("FAILED/ROLLBACK"), "{refused}");
    }
    command(&mut world, &Event::RollbackTask);
    drive(&mut world, &mut hosts);
    assert_eq!(world.statuses.cluster, Up);
}

/// A host on which nobody is left: its server is passed over by whoever is there.
#[test]
fn an_unreachable_host_is_passed_over_and_leaves_its_server_and_cluster_unavailable() {
    let (mut world, mut hosts, stop) = stop_at(&[1, 1], StopObserverProcess);
    let now = later(&world);
    let (subtask, epoch) = (stop, world.subtasks[&stop].epoch);
    let back = Event::HandBack { subtask, epoch };
    world.commit(&back, &Claimant::none(), now).unwrap();
    let strand = Event::Strand {
        subtasks: vec![stop],
        reason: "no executor on host h0".to_owned(),
    };
    world
        .commit(&strand, &executor("e2", "h1", 0), now)
        .unwrap();
    assert_eq!(world.statuses.servers[&ServerId(101)], Unavailable);

    let mut look = stop;
    loop {
        command(&mut world, &Event::SkipSubtask(look));
        let subtasks = vec![look];
        let claimed = world.commit(&Event::Claim { subtasks }, &executor("e2", "h1", 1), now);
        assert_eq!(claimed.unwrap().claimed, [look]);
        finish(&mut world, look, saw(Observation::Unknown));
        let next = drive_until(&mut world, &mut hosts, |row| {
            row.kind == UpdateObserverStatus && row.server == Some(ServerId(101))
        });
        match next {
            None => break,
            Some(next) => look = next,
        }
        finish(&mut world, look, failed(Some(Observation::Unknown)));
        drive(&mut world, &mut hosts);
    }
    assert_eq!(world.task.state.status, TaskStatus::Successful);
    assert_eq!(world.statuses.servers[&ServerId(101)], Unavailable);
    assert_eq!(world.statuses.servers[&ServerId(102)], Stopped);
    assert_eq!(world.statuses.cluster, Unavailable);
    assert_eq!(
        world.statuses.reason,
        "of 2 servers, 1 STOPPED, 1 UNAVAILABLE"
    );
}

#[test]
fn a_rollback_that_cannot_bring_a_server_back_ends_by_skip() {
    let (mut world, mut hosts, stop) = stop_at(&[1, 1], StopObserverProcess);
    finish(&mut world, stop, failed(Some(Observation::Gone)));
    drive(&mut world, &mut hosts);
    command(&mut world, &Event::RollbackTask);
    let undo = drive_until(&mut world, &mut hosts, |row| row.id == stop).unwrap();
    finish(&mut world, undo, failed(Some(Observation::Gone)));
    drive(&mut world, &mut hosts);
    assert_eq!(world.task.state.status, TaskStatus::Failed);
    command(&mut world, &Event::SkipSubtask(undo));
    claim_all(&mut world);
    assert_eq!(stands(&world, undo), (Running, Operation::Skip));
    finish(&mut world, undo, saw(Observation::Gone));
    assert_eq!(stands(&world, undo), (Pending, Operation::Skip));
    assert_eq!(world.statuses.servers[&ServerId(101)], Unavailable);
    hosts.alive.insert(ServerId(101), false);
    drive(&mut world, &mut hosts);
    assert_eq!(world.task.state.status, TaskStatus::Successful);
    assert_eq!(world.task.state.operation, Operation::Rollback);
    assert_eq!(world.statuses.cluster, Unavailable);
    assert!(standing(&world, &[Pending]).len() == world.subtasks.len());
}

/// What was seen of a server is not forgotten where there is nothing to undo.
#[test]
fn undoing_a_look_says_nothing_new_of_its_server() {
    let (mut world, mut hosts, look) = stop_at(&[2], UpdateObserverStatus);
    let other = standing(&world, &[Running])[1];
    finish(&mut world, look, saw(Observation::Gone));
    finish(&mut world, other, failed(Some(Observation::Gone)));
    command(&mut world, &Event::RollbackTask);
    assert_eq!(stands(&world, look), (Pending, Operation::Rollback));
    assert_eq!(world.statuses.servers[&ServerId(101)], Stopped);
    assert_eq!(world.subtasks[&look].state.executor.as_deref(), Some("h0"));
    drive(&mut world, &mut hosts);
    assert_eq!(world.statuses.cluster, Up);
}

/// Zones side by side: what could not go on because of a failure elsewhere does so once that is settled.
#[test]
fn what_waited_for_a_failure_elsewhere_goes_on_after_a_retry_or_a_skip() {
    for skips in [false, true] {
        let (mut world, mut hosts, _) = at(Goal::Restart, &[1, 1], StopObserverProcess);
        let stops = standing(&world, &[Running]);
        finish(&mut world, stops[0], failed(Some(Observation::Alive)));
        finish(&mut world, stops[1], saw(Observation::Gone));
        assert_eq!(world.task.state.status, TaskStatus::Failed);
        let left_behind = world.subtasks[&stops[1]].downstreams.iter().next().unwrap();
        assert_eq!(world.subtasks[&left_behind].state.status, Pending);
        assert_ne!(world.statuses.reason, "");

        command(
            &mut world,
            &match skips {
                true => Event::SkipSubtask(stops[0]),
                false => Event::RetrySubtask(stops[0]),
            },
        );
        assert_eq!(world.subtasks[&left_behind].state.status, Successful);
        assert_eq!(world.statuses.reason, "", "it failed no longer");
        drive(&mut world, &mut hosts);
        assert_eq!(world.task.state.status, TaskStatus::Successful);
        assert_eq!(world.statuses.cluster, Up);
    }
}

#[test]
fn a_refusal_says_how_things_stand_and_what_to_do() {
    let (mut world, _, stop) = stop_at(&[1], StopObserverProcess);
    let now = later(&world);
    let mut refused = |event| world.commit(&event, &Claimant::none(), now).unwrap_err();
    for (event, text) in [
        (
            Event::RetryTask,
            "task 7 in state RUNNING/EXECUTE does not support this: wait until it ends, or cancel it",
        ),
        (
            Event::SkipSubtask(stop),
            "subtask 1006 in state RUNNING does not support this: only a FAILED subtask is skipped",
        ),
    ] {
        let found: Refusal = refused(event);
        assert_eq!(found.to_string(), text);
    }
}
