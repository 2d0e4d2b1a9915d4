//! What a commit may change of its subtasks' runs.

use std::{collections::BTreeMap, time::Duration};

use slacktide_engine::{
    commit::{Change, Claimant, Event, Outcome},
    id::SubtaskId,
    revision::Changed,
    status::{
        Operation,
        SubtaskStatus::{self, Canceling, Failed, Ready, Running},
    },
    subtask::{Subtask, SubtaskState},
};

use crate::{
    decided::{is_command, may_run},
    world::World,
};

pub(crate) fn check(
    world: &World,
    before: &BTreeMap<SubtaskId, Subtask>,
    event: &Event,
    change: &Change,
    claimant: &Claimant,
) {
    for (id, was) in before {
        let is = &world.subtasks[id];
        let unchanged = Subtask {
            state: is.state.clone(),
            open_upstreams: is.open_upstreams,
            epoch: is.epoch,
            owner: is.owner.clone(),
            deadline: is.deadline,
            not_before: is.not_before,
            auto_retries: is.auto_retries,
            version: is.version,
            ..was.clone()
        };
        assert_eq!(*is, unchanged, "more than a run changed");
        if is.version == was.version {
            assert_eq!(is, was);
            continue;
        }
        let states: Vec<_> = change
            .revisions
            .iter()
            .filter_map(|revision| match &revision.what {
                Changed::Subtask(of, state) if of == id => Some((revision.number, state)),
                _ => None,
            })
            .collect();
        check_epoch(was, is, &states, event, change);
        check_automatic_retry(world, was, is, &states, event);
        check_logs(world, is, &states, change, claimant);
    }
    check_claims(world, event, change, claimant);
}

/// Epochs only grow, and name the change that began the run or took it from its executor.
fn check_epoch(
    was: &Subtask,
    is: &Subtask,
    states: &[(i64, &SubtaskState)],
    event: &Event,
    change: &Change,
) {
    let begun = states.iter().rfind(|(_, state)| state.status == Running);
    let taken_over = states.iter().rfind(|(_, state)| state.status == Canceling);
    let number = match event {
        Event::TakeOver { .. } => begun.or(taken_over),
        Event::HandBack { .. } if is.state.status == Ready => states.last(),
        _ => begun,
    };
    match (number, event) {
        (Some((number, _)), _) => {
            assert_eq!(is.epoch, *number);
            assert!(is.epoch > was.epoch);
        }
        (None, Event::Expire { subtask, .. }) if *subtask == is.id => {
            assert!(is.epoch > was.epoch && is.epoch <= change.task.revision);
        }
        (None, Event::Abandon { runs, .. }) if runs.contains(&(is.id, was.epoch)) => {
            assert!(is.epoch > was.epoch && is.epoch <= change.task.revision);
        }
        (None, _) => assert_eq!(is.epoch, was.epoch),
    }
}

/// A failure that may pass has its subtask run again by itself: twice, one and then two seconds later. An
/// operator's word begins the count anew.
fn check_automatic_retry(
    world: &World,
    was: &Subtask,
    is: &Subtask,
    states: &[(i64, &SubtaskState)],
    event: &Event,
) {
    let may_pass = matches!(
        event,
        Event::Finish { subtask, outcome: Outcome { result: Err(failure), .. }, .. }
            if failure.transient && *subtask == is.id
    );
    if may_pass && was.state.status == Running && was.auto_retries < 2 {
        assert_eq!(is.state.status, Ready);
        assert_eq!(is.auto_retries, was.auto_retries + 1);
        assert_eq!(is.state.run_time, was.state.run_time + 1);
        let wait = Duration::from_secs([1, 2][was.auto_retries as usize]);
        assert_eq!(is.not_before, Some(world.task.last_time.plus(wait)));
        return;
    }
    // Within a commit, a subtask that was FAILED or SUCCESSFUL becomes READY only on an operator's word, or
    // because it is its turn to be undone.
    let by_an_operator = matches!(was.state.status, Failed | SubtaskStatus::Successful)
        && states.iter().any(|(_, state)| state.status == Ready);
    let expected = if by_an_operator { 0 } else { was.auto_retries };
    assert_eq!(is.auto_retries, expected);
    let retried = by_an_operator && is.state.operation == Operation::Retry;
    let retried_before = was.state.status == Failed
        && states
            .first()
            .is_some_and(|(_, state)| state.operation == Operation::Retry);
    assert!(!retried || is_command(event));
    let raised = i32::from(retried_before && by_an_operator);
    assert_eq!(is.state.run_time, was.state.run_time + raised);
}

/// A run shows the host of its executor; one inside the commit has its line in the log.
fn check_logs(
    world: &World,
    is: &Subtask,
    states: &[(i64, &SubtaskState)],
    change: &Change,
    claimant: &Claimant,
) {
    let began = states.iter().any(|(_, state)| state.status == Running);
    if began && !claimant.host.is_empty() {
        assert_eq!(is.state.executor.as_ref(), Some(&claimant.host));
    }
    assert_ne!(is.state.executor.as_deref(), Some(""), "subtask {}", is.id);
    let logs = change.logs.iter().filter(|log| log.subtask == is.id);
    let logged: Vec<_> = logs.map(|log| (log.epoch, log.time)).collect();
    let folded = began && is.state.status != Running;
    if folded {
        assert_eq!(logged, [(is.epoch, world.task.last_time)]);
    } else {
        assert_eq!(logged, []);
    }
    assert!(change.logs.iter().all(|log| !log.line.is_empty()));
}

/// A claimant gets what it may run, as much as it has room for, and no more.
fn check_claims(world: &World, event: &Event, change: &Change, claimant: &Claimant) {
    assert!(change.claimed.len() <= claimant.room);
    let on_host = change.claimed.iter().map(|id| &world.subtasks[id]);
    let on_host = on_host.filter(|row| row.state.operation != Operation::Skip);
    let on_host = on_host.filter(|row| row.host.is_some());
    assert!(on_host.count() <= claimant.host_room);
    for (position, id) in change.claimed.iter().enumerate() {
        let row = &world.subtasks[id];
        assert!(!change.claimed[..position].contains(id), "claimed twice");
        assert!(matches!(row.state.status, Running | Canceling));
        assert!(!row.foldable);
        let own_host = row.host.as_ref().is_none_or(|host| *host == claimant.host);
        let labelled = row.selector.is_met_by(&claimant.labels);
        assert!((own_host && labelled) || row.state.operation == Operation::Skip);
        assert_eq!(row.owner.as_ref(), Some(&claimant.executor));
        let limit = match row.state.status {
            Canceling => Duration::from_secs(10),
            _ => row.timeout,
        };
        assert_eq!(row.deadline, Some(world.task.last_time.plus(limit)));
    }

    let took = |id: &SubtaskId| change.claimed.contains(id);
    let left = Claimant {
        room: claimant.room - change.claimed.len(),
        host_room: claimant.host_room.saturating_sub(change.claimed.len()),
        ..claimant.clone()
    };
    if matches!(event, Event::Finish { .. } | Event::Claim { .. }) {
        for subtask in change.subtasks.iter().filter(|subtask| !took(&subtask.id)) {
            let is_ready = subtask.state.status == Ready && subtask.not_before.is_none();
            assert!(
                !(is_ready && may_run(world, subtask, &left)),
                "subtask {} was left without need",
                subtask.id
            );
        }
    }
}
