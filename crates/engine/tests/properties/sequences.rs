//! Courses of events that have led control planes astray, as far as the engine alone keeps them on course. All of
//! them, with the rules and the tests of the other crates, are in `docs/sequences.md`.

use std::collections::BTreeMap;

use slacktide_engine::{
    commit::{Advance, Claimant, Event, Frame, Need, Observation, Outcome, Refusal, advance},
    id::{ServerId, SubtaskId},
    kind::SubtaskKind::{self, StopObserverProcess, UpdateObserverStatus},
    status::{
        Goal, Operation,
        ResourceStatus::{Running, Stopped, Unavailable},
        SubtaskStatus::{Failed, Pending, Ready, Successful},
        TaskStatus,
    },
    subtask::SubtaskState,
};

use crate::{
    host::{Hosts, claim_all, command, drive, drive_until, failed, finish, later, run},
    topology::{ACCEPTED, IMMEDIATE, Part, Topology, executor, real, simulated_stop},
    world::World,
};

/// A stop of real servers that stands where the first of this kind runs.
fn stop_at(zones: &[usize], kind: SubtaskKind) -> (World, Hosts, SubtaskId) {
    let topology = Topology::new(real(zones), Goal::Stop, Part::Cluster, IMMEDIATE);
    let (mut world, mut hosts) = (World::new(&topology), Hosts::of(&topology));
    let found = drive_until(&mut world, &mut hosts, |row| row.kind == kind);
    (world, hosts, found.unwrap())
}

fn gone() -> Outcome {
    Outcome {
        result: Ok(()),
        observed: Some(Observation::Gone),
    }
}

/// A run says too late how it ended, and is not heard.
fn check_late(world: &mut World, (subtask, epoch): (SubtaskId, i64)) {
    let late = Event::Finish {
        subtask,
        epoch,
        outcome: gone(),
    };
    let now = later(world);
    let stale = Refusal::Stale { subtask, epoch };
    assert_eq!(
        world.commit(&late, &executor("e0", "h0", 9), now),
        Err(stale)
    );
}

#[test]
fn retry_never_rolls_back_first() {
    let (mut world, mut hosts, stop) = stop_at(&[1, 1], StopObserverProcess);
    // The process is gone, and yet the run failed.
    hosts.run(&world, &world.subtasks[&stop]);
    let died = hosts.clone();
    finish(&mut world, stop, failed(Some(Observation::Gone)));
    drive(&mut world, &mut hosts);
    let before = world.revisions.len();
    command(&mut world, &Event::RetryTask);
    claim_all(&mut world);
    assert_eq!(world.subtasks[&stop].state.operation, Operation::Retry);
    run(&mut world, &mut hosts, stop);
    assert_eq!(hosts.alive[&ServerId(101)], died.alive[&ServerId(101)]);
    drive(&mut world, &mut hosts);
    assert_eq!(world.statuses.cluster, Stopped);
    for revision in &world.revisions[before..] {
        assert!(!format!("{revision:?}").contains("Rollback"));
    }
}

#[test]
fn a_run_that_wedges_is_ended_by_anyone() {
    let (mut world, mut hosts, stop) = stop_at(&[1, 1], StopObserverProcess);
    let epoch = world.subtasks[&stop].epoch;
    let observed = Some(Observation::Alive);
    let expire = Event::Expire {
        subtask: stop,
        epoch,
        observed,
    };
    let now = later(&world);
    world
        .commit(&expire, &executor("other", "h2", 0), now)
        .unwrap();
    let row = &world.subtasks[&stop];
    assert_eq!(
        (row.state.status, row.state.operation),
        (Failed, Operation::Cancel)
    );
    assert!(row.epoch > epoch);
    assert!(row.state.error.as_ref().unwrap().contains("1200 s"));
    assert_eq!(world.statuses.servers[&ServerId(101)], Running);
    check_late(&mut world, (stop, epoch));
    drive(&mut world, &mut hosts);
    command(&mut world, &Event::RetryTask);
    check_late(&mut world, (stop, epoch));
    drive(&mut world, &mut hosts);
    assert_eq!(world.statuses.cluster, Stopped);
}

#[test]
fn a_run_whose_host_died_ends_with_its_outcome_unknown() {
    for is_canceled in [false, true] {
        let (mut world, mut hosts, stop) = stop_at(&[1, 1], StopObserverProcess);
        let epoch = world.subtasks[&stop].epoch;
        if is_canceled {
            command(&mut world, &Event::CancelSubtask(stop));
        }
        let abandon = |epoch| Event::Abandon {
            runs: vec![(stop, epoch)],
            reason: "nobody is left".to_owned(),
        };
        let (now, other) = (later(&world), executor("other", "h2", 0));
        let passed = world.commit(&abandon(epoch - 1), &other, now);
        assert_eq!(passed, Err(Refusal::NothingToClaim), "another run");
        world.commit(&abandon(epoch), &other, now).unwrap();

        let row = &world.subtasks[&stop];
        let operation = match is_canceled {
            true => Operation::Cancel,
            false => Operation::Execute,
        };
        let ended = (row.state.status, row.state.operation);
        assert_eq!(ended, (Failed, operation));
        assert_eq!(row.state.error.as_deref(), Some("nobody is left"));
        assert!(row.epoch > epoch);
        assert_eq!(world.statuses.servers[&ServerId(101)], Unavailable);
        // It was only paused, and wakes.
        check_late(&mut world, (stop, epoch));
        drive(&mut world, &mut hosts);
        command(&mut world, &Event::RetryTask);
        check_late(&mut world, (stop, epoch));
        drive(&mut world, &mut hosts);
        assert_eq!(world.statuses.cluster, Stopped);
    }
}

#[test]
fn a_cluster_stop_has_no_limit_of_its_own() {
    let mut world = World::new(&simulated_stop(&[34, 33, 33]));
    assert_eq!(world.task.options.parallel, None);
    let everything = executor("e0", "h0", 1000);
    let root = Event::Claim {
        subtasks: vec![SubtaskId(1001)],
    };
    let prepares = world.commit(&root, &everything, ACCEPTED).unwrap().claimed;
    assert_eq!(prepares.len(), 100, "all servers are prepared at once");
    let mut stops = Vec::new();
    for subtask in prepares {
        let epoch = world.subtasks[&subtask].epoch;
        let event = Event::Finish {
            subtask,
            epoch,
            outcome: gone(),
        };
        stops = world.commit(&event, &everything, ACCEPTED).unwrap().claimed;
    }
    assert_eq!(stops.len(), 100, "and stopped at once");
}

#[test]
fn late_result_never_overwrites_a_skip() {
    let (mut world, mut hosts, stop) = stop_at(&[1, 1], StopObserverProcess);
    let late = (stop, world.subtasks[&stop].epoch);
    finish(&mut world, stop, failed(None));
    drive(&mut world, &mut hosts);
    command(&mut world, &Event::SkipSubtask(stop));
    assert_eq!(world.subtasks[&stop].epoch, late.1, "it names this epoch");
    check_late(&mut world, late);
    assert_eq!(world.subtasks[&stop].state.status, Ready);
    claim_all(&mut world);
    check_late(&mut world, late);
    let unseen = Outcome {
        result: Ok(()),
        observed: Some(Observation::Unknown),
    };
    finish(&mut world, stop, unseen);
    check_late(&mut world, late);
    let state = &world.subtasks[&stop].state;
    assert_eq!(
        (state.status, state.operation),
        (Successful, Operation::Skip)
    );
    assert_eq!(world.statuses.servers[&ServerId(101)], Unavailable);
}

#[test]
fn late_result_never_overwrites_a_rollback() {
    let (mut world, mut hosts, stop) = stop_at(&[1, 1], StopObserverProcess);
    let late = (stop, world.subtasks[&stop].epoch);
    let runs = vec![late];
    let now = later(&world);
    let other = executor("other", "h0", 1);
    world
        .commit(&Event::TakeOver { runs }, &other, now)
        .unwrap();
    check_late(&mut world, late);
    finish(&mut world, stop, failed(Some(Observation::Alive)));
    drive(&mut world, &mut hosts);
    command(&mut world, &Event::RollbackTask);
    check_late(&mut world, late);
    claim_all(&mut world);
    assert!(world.subtasks[&stop].epoch > late.1);
    check_late(&mut world, late);
    drive(&mut world, &mut hosts);
    check_late(&mut world, late);
    assert_eq!(world.subtasks[&stop].state.status, Pending);
    assert_eq!(world.statuses.cluster, Running);
}

#[test]
fn executors_of_another_host_never_touch_a_server() {
    let (mut world, mut hosts, prepare) = stop_at(&[1, 1], SubtaskKind::PrepareStopObserver);
    let epoch = world.subtasks[&prepare].epoch;
    let elsewhere = executor("e4", "elsewhere", 100);
    let taken_over = Event::TakeOver {
        runs: vec![(prepare, epoch)],
    };
    let refused = |world: &mut World, event| {
        let now = later(world);
        let refused = world.commit(event, &elsewhere, now);
        assert_eq!(refused, Err(Refusal::NothingToClaim));
    };
    refused(&mut world, &taken_over);
    let subtask = prepare;
    let now = later(&world);
    let back = Event::HandBack { subtask, epoch };
    world.commit(&back, &Claimant::none(), now).unwrap();
    let subtasks = vec![prepare];
    refused(&mut world, &Event::Claim { subtasks });
    drive(&mut world, &mut hosts);
    assert_eq!(
        world.subtasks[&prepare].state.executor.as_deref(),
        Some("h0")
    );
}

#[test]
fn a_server_that_cannot_be_seen_is_never_stopped() {
    for observed in [None, Some(Observation::Unknown)] {
        for succeeded in [true, false] {
            let (mut world, mut hosts, look) = stop_at(&[2], UpdateObserverStatus);
            let result = match succeeded {
                true => Ok(()),
                false => failed(None).result,
            };
            finish(&mut world, look, Outcome { result, observed });
            drive(&mut world, &mut hosts);
            if !succeeded {
                assert_eq!(world.task.state.status, TaskStatus::Failed);
                command(&mut world, &Event::SkipSubtask(look));
                claim_all(&mut world);
                let result = Ok(());
                finish(&mut world, look, Outcome { result, observed });
                drive(&mut world, &mut hosts);
            }
            assert_eq!(world.task.state.status, TaskStatus::Successful);
            assert_eq!(world.statuses.servers[&ServerId(101)], Unavailable);
            assert_eq!(world.statuses.cluster, Unavailable);
        }
    }
}

#[test]
fn the_last_of_two_upstreams_promotes_the_barrier() {
    for order in [[0, 1], [1, 0]] {
        let (mut world, ..) = stop_at(&[1, 1], StopObserverProcess);
        let stops =
            crate::turns::standing(&world, &[slacktide_engine::status::SubtaskStatus::Running]);
        let barrier = world.subtasks[&stops[0]].downstreams.iter().next().unwrap();
        let stand = |world: &World| {
            let row = &world.subtasks[&barrier];
            (row.open_upstreams, row.state.status)
        };
        assert_eq!(stand(&world), (2, Pending));
        finish(&mut world, stops[order[0]], gone());
        assert_eq!(stand(&world), (1, Pending));
        finish(&mut world, stops[order[1]], gone());
        assert_eq!(stand(&world), (0, Successful));
    }
}

#[test]
fn a_commit_reads_what_it_touches_however_large_the_cluster() {
    let accepted = simulated_stop(&[1000, 1000, 1000]).accept();
    assert_eq!(accepted.subtasks.len(), 9_012);
    let mut task = accepted.task;
    let mut stops = accepted
        .subtasks
        .into_iter()
        .filter(|s| s.kind == StopObserverProcess);
    let mut stop = stops.next().unwrap();
    stop.epoch = 90;
    stop.state = SubtaskState {
        status: slacktide_engine::status::SubtaskStatus::Running,
        ..stop.state
    };
    task.tally.active = 3000;
    task.tally.running = 3000;
    let finish = Event::Finish {
        subtask: stop.id,
        epoch: 90,
        outcome: gone(),
    };
    let frame = Frame {
        task,
        subtasks: BTreeMap::from([(stop.id, stop.clone())]),
        servers: None,
        scanned: None,
    };
    let barrier: Vec<_> = stop.downstreams.iter().collect();
    let need = Need {
        subtasks: barrier.clone(),
        ..Need::default()
    };
    let none = Claimant::none();
    assert_eq!(
        advance(&frame, &finish, &none, ACCEPTED),
        Ok(Advance::Need(need))
    );
    assert_eq!(barrier.len(), 1);
    // Nor does the barrier's row grow with what it waits for.
    let accepted = simulated_stop(&[1000, 1000, 1000]).accept();
    let barrier = accepted
        .subtasks
        .iter()
        .find(|s| s.id == barrier[0])
        .unwrap();
    assert_eq!(barrier.upstreams.len(), 3000);
    let stored = serde_json::to_string(&barrier.upstreams).unwrap();
    assert!(stored.len() < 20, "{stored}");
}

#[test]
fn a_run_that_nobody_runs_is_taken_over_by_its_own_executor() {
    let (mut world, mut hosts, stop) = stop_at(&[1, 1], StopObserverProcess);
    let row = &world.subtasks[&stop];
    let owner = row.owner.clone().unwrap();
    let lost = (stop, row.epoch);
    let now = later(&world);
    let taken_over = Event::TakeOver { runs: vec![lost] };
    let change = world.commit(&taken_over, &executor(&owner, "h0", 1), now);
    assert_eq!(change.unwrap().claimed, [stop]);
    assert!(world.subtasks[&stop].epoch > lost.1);
    assert_eq!(world.subtasks[&stop].state.run_time, 1);
    check_late(&mut world, lost);
    drive(&mut world, &mut hosts);
    assert_eq!(world.statuses.cluster, Stopped);
}
