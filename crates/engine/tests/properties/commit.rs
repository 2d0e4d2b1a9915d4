//! Stops told step by step: what a watcher sees of them, and what the rows say at their end.

use slacktide_engine::{
    commit::{Claimant, Event, Failure, Observation, Outcome, Refusal},
    id::{ServerId, SubtaskId},
    kind::SubtaskKind,
    revision::Changed,
    status::{Operation, ResourceStatus, SubtaskStatus, TaskStatus},
    time::Micros,
};

use crate::{
    topology::{ACCEPTED, simulated_stop},
    world::World,
};

const ROOT: SubtaskId = SubtaskId(1001);

fn world(servers_of_zones: &[usize]) -> World {
    World::new(&simulated_stop(servers_of_zones))
}

fn executor(name: &str, room: usize) -> Claimant {
    crate::topology::executor(name, "h0", room)
}

fn claim(subtasks: impl Into<Vec<SubtaskId>>) -> Event {
    Event::Claim {
        subtasks: subtasks.into(),
    }
}

/// Ends the present run of a subtask.
fn finish(world: &World, subtask: SubtaskId, outcome: Outcome) -> Event {
    let epoch = world.subtasks[&subtask].epoch;
    Event::Finish {
        subtask,
        epoch,
        outcome,
    }
}

fn gone() -> Outcome {
    Outcome {
        result: Ok(()),
        observed: Some(Observation::Gone),
    }
}

fn failed(observed: Observation, expired: bool) -> Outcome {
    let failure = Failure {
        expired,
        ..Failure::new("the process is still there")
    };
    Outcome {
        result: Err(failure),
        observed: Some(observed),
    }
}

/// Claims the root and ends runs well until a subtask of this kind runs; returns all that do.
fn run_until(world: &mut World, kind: SubtaskKind) -> Vec<SubtaskId> {
    let e0 = executor("e0", 100);
    let mut running = world.commit(&claim([ROOT]), &e0, ACCEPTED).unwrap().claimed;
    while world.subtasks[&running[0]].kind != kind {
        for id in std::mem::take(&mut running) {
            let event = finish(world, id, gone());
            running.extend(world.commit(&event, &e0, ACCEPTED).unwrap().claimed);
        }
    }
    running
}

#[test]
fn a_stop_of_one_server_costs_four_commits_and_shows_every_state_in_order() {
    let mut world = world(&[1]);
    let e0 = executor("e0", 1);
    let mut event = claim([ROOT]);
    let mut commits = 0;
    loop {
        commits += 1;
        let change = world.commit(&event, &e0, ACCEPTED).unwrap();
        let Some(&claimed) = change.claimed.first() else {
            break;
        };
        event = finish(&world, claimed, gone());
    }
    assert_eq!(commits, 4);
    assert_eq!(world.task.state.status, TaskStatus::Successful);
    assert_eq!(world.statuses.cluster, ResourceStatus::Stopped);

    let seen: Vec<_> = world
        .revisions
        .iter()
        .map(|revision| match &revision.what {
            Changed::Task(state) => (0, state.status.as_str()),
            Changed::Subtask(id, state) => (id.0 - 1000, state.status.as_str()),
        })
        .collect();
    let mut expected = vec![(0, "RUNNING")];
    expected.extend((1..=11).flat_map(|id| ["READY", "RUNNING", "SUCCESSFUL"].map(|s| (id, s))));
    expected.push((0, "SUCCESSFUL"));
    assert_eq!(seen, expected);
}

#[test]
fn folded_subtasks_say_in_their_logs_what_they_did() {
    let mut world = world(&[1]);
    let e0 = executor("e0", 1);
    let begun = world.commit(&claim([ROOT]), &e0, ACCEPTED).unwrap();
    let lines: Vec<_> = begun.logs.iter().map(|log| log.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "Stop OB cluster: cluster ob_demo (id 1, generation 5), IMMEDIATE, minor freeze off",
            "zone is STOPPING: no minor freeze asked for",
            "the upstream subtask succeeded",
        ]
    );
    let mut last = begun;
    while let Some(&claimed) = last.claimed.first() {
        let event = finish(&world, claimed, gone());
        last = world.commit(&event, &e0, ACCEPTED).unwrap();
    }
    let lines: Vec<_> = last.logs.iter().map(|log| log.line.as_str()).collect();
    assert_eq!(
        lines[1..],
        [
            "zone is STOPPED: of 1 servers, 1 STOPPED",
            "cluster is STOPPED: of 1 servers, 1 STOPPED",
        ]
    );
}

#[test]
fn a_failure_lets_siblings_finish_and_then_fails_the_task_which_keeps_its_cluster() {
    let mut world = world(&[1, 1]);
    let e0 = executor("e0", 100);
    let stops = run_until(&mut world, SubtaskKind::StopObserverProcess);

    let event = finish(&world, stops[0], failed(Observation::Alive, false));
    world.commit(&event, &e0, ACCEPTED).unwrap();
    let reason = "Stop observer process (subtask 1008): the process is still there";
    assert_eq!(world.task.state.status, TaskStatus::Running);
    assert_eq!(world.task.state.error.as_deref(), Some(reason));
    assert_eq!(
        world.statuses.servers[&ServerId(101)],
        ResourceStatus::Running
    );

    let event = finish(&world, stops[1], gone());
    let change = world.commit(&event, &e0, ACCEPTED).unwrap();
    assert_eq!(change.claimed, []);
    assert!(!change.release);
    assert_eq!(world.task.state.status, TaskStatus::Failed);
    assert_eq!(world.task.state.error.as_deref(), Some(reason));
    let shown = format!("task 7 failed: {reason}");
    assert_eq!(world.statuses.cluster, ResourceStatus::Stopping);
    assert_eq!(world.statuses.reason, shown);
}

#[test]
fn a_task_names_its_first_failure_not_its_last() {
    let mut world = world(&[1, 1]);
    let e0 = executor("e0", 100);
    let stops = run_until(&mut world, SubtaskKind::StopObserverProcess);
    for stop in stops {
        let event = finish(&world, stop, failed(Observation::Alive, false));
        world.commit(&event, &e0, ACCEPTED).unwrap();
    }
    let error = world.task.state.error.unwrap();
    assert!(error.contains("(subtask 1008)"), "{error}");
}

#[test]
fn a_run_whose_time_is_over_shows_cancel() {
    let mut world = world(&[1]);
    let stop = run_until(&mut world, SubtaskKind::StopObserverProcess)[0];
    let event = finish(&world, stop, failed(Observation::Unknown, true));
    world.commit(&event, &executor("e1", 0), ACCEPTED).unwrap();
    let state = &world.subtasks[&stop].state;
    assert_eq!(
        (state.status, state.operation),
        (SubtaskStatus::Failed, Operation::Cancel)
    );
    assert_eq!(
        world.statuses.servers[&ServerId(101)],
        ResourceStatus::Unavailable
    );
}

#[test]
fn what_comes_late_after_a_takeover_or_a_hand_back_is_dropped() {
    let mut world = world(&[1]);
    let (e0, e1) = (executor("e0", 1), executor("e1", 1));
    let stop = run_until(&mut world, SubtaskKind::StopObserverProcess)[0];
    let first = finish(&world, stop, gone());
    let lost = world.subtasks[&stop].epoch;
    let taken_over = Event::TakeOver {
        runs: vec![(stop, lost)],
    };
    assert_eq!(
        world.commit(&taken_over, &e1, ACCEPTED).unwrap().claimed,
        [stop]
    );
    let stale = Refusal::Stale {
        subtask: stop,
        epoch: lost,
    };
    assert_eq!(world.commit(&first, &e0, ACCEPTED), Err(stale));
    assert_eq!(
        world.commit(&taken_over, &e0, ACCEPTED),
        Err(Refusal::NothingToClaim),
        "it was taken over already"
    );

    let second = finish(&world, stop, gone());
    let epoch = world.subtasks[&stop].epoch;
    let subtask = stop;
    let back = Event::HandBack { subtask, epoch };
    world.commit(&back, &e1, ACCEPTED).unwrap();
    assert_eq!(
        world.commit(&second, &e1, ACCEPTED),
        Err(Refusal::Stale { subtask, epoch })
    );
    assert_eq!(world.subtasks[&stop].state.status, SubtaskStatus::Ready);
    let again = world.commit(&claim([stop]), &e0, ACCEPTED).unwrap();
    assert_eq!(again.claimed, [stop]);
}

#[test]
fn a_clock_that_runs_backwards_does_not_turn_time_back() {
    let mut world = world(&[1]);
    let e0 = executor("e0", 1);
    let later = Micros(ACCEPTED.0 + 1_000_000);
    let prepare = world.commit(&claim([ROOT]), &e0, later).unwrap().claimed[0];
    let event = finish(&world, prepare, gone());
    let stop = world.commit(&event, &e0, Micros(0)).unwrap().claimed[0];
    let started = world.subtasks[&stop].state.start_time;
    assert_eq!(started, world.subtasks[&prepare].state.finish_time);
    assert_eq!(started, Some(later));
}

#[test]
fn a_subtask_that_is_named_twice_is_claimed_once() {
    let mut world = world(&[1, 1]);
    let e0 = executor("e0", 0);
    world.commit(&claim([ROOT, ROOT]), &e0, ACCEPTED).unwrap();
    let ready = SubtaskId(1006);
    let e1 = executor("e1", 100);
    let change = world.commit(&claim([ready, ready]), &e1, ACCEPTED).unwrap();
    assert_eq!(change.claimed, [ready]);

    let epoch = world.subtasks[&ready].epoch;
    let runs = vec![(ready, epoch), (ready, epoch)];
    let e2 = executor("e2", 100);
    let change = world
        .commit(&Event::TakeOver { runs }, &e2, ACCEPTED)
        .unwrap();
    assert_eq!(change.claimed, [ready]);
}

#[test]
fn a_server_that_was_not_seen_to_be_gone_leaves_the_cluster_unavailable() {
    let mut world = world(&[2]);
    let looks = run_until(&mut world, SubtaskKind::UpdateObserverStatus);
    let e0 = executor("e0", 100);
    let unseen = Outcome::success();
    for (id, outcome) in looks.into_iter().zip([gone(), unseen]) {
        let event = finish(&world, id, outcome);
        world.commit(&event, &e0, ACCEPTED).unwrap();
    }
    assert_eq!(world.task.state.status, TaskStatus::Successful);
    assert_eq!(world.statuses.cluster, ResourceStatus::Unavailable);
    assert_eq!(
        world.statuses.reason,
        "of 2 servers, 1 STOPPED, 1 UNAVAILABLE"
    );
}
