//! What holds of the rows after every commit.

use slacktide_engine::{
    status::{
        Operation,
        ResourceStatus::{Stopped, Unavailable},
        SubtaskStatus::{Canceling, Failed, Pending, Ready, Running, Successful},
        TaskStatus,
    },
    subtask::Subtask,
    task::Tally,
};

use crate::world::World;

pub(crate) fn check(world: &World) {
    let mut tally = Tally::default();
    for subtask in world.subtasks.values() {
        let status = subtask.state.status;
        let runs = matches!(status, Running | Canceling);
        tally.total += 1;
        tally.successful += u32::from(status == Successful);
        tally.failed += u32::from(status == Failed);
        tally.active += u32::from(status == Ready || runs);
        tally.running += u32::from(runs);
        assert_eq!(
            (subtask.owner.is_some(), subtask.deadline.is_some()),
            (runs, runs)
        );
        assert!(subtask.not_before.is_none() || status == Ready);
        assert!(subtask.auto_retries <= 2);
        let untouched_root = subtask.upstreams.is_empty() && world.task.revision == 2;
        assert!(untouched_root || !(subtask.foldable && subtask.state.status.is_active()));
        check_waiting(world, subtask);
    }
    assert_eq!(world.task.tally, tally);
    let limit = world.task.options.parallel;
    assert!(limit.is_none_or(|limit| tally.running <= limit));
    check_end(world, tally);
}

/// The count of what a subtask waits for is right in the task's direction; what waits for nothing goes on.
fn check_waiting(world: &World, subtask: &Subtask) {
    let is_rollback = world.task.state.operation == Operation::Rollback;
    let status = |id| world.subtasks[&id].state.status;
    let open = if is_rollback {
        let open = subtask
            .downstreams
            .iter()
            .filter(|id| status(*id) != Pending);
        // What is undone, or never was done, waits for nothing any more.
        (subtask.state.status != Pending).then(|| open.count())
    } else {
        let open = subtask
            .upstreams
            .iter()
            .filter(|id| status(*id) != Successful);
        Some(open.count())
    };
    if let Some(open) = open {
        assert_eq!(subtask.open_upstreams as usize, open, "{}", subtask.id);
        let waits = if is_rollback { Successful } else { Pending };
        let is_stuck = subtask.state.status == waits && open == 0;
        let let_go = world.task.state.status != TaskStatus::Successful;
        assert!(
            !(is_stuck && let_go && world.task.tally.failed == 0),
            "subtask {} was left behind",
            subtask.id
        );
    }
}

fn check_end(world: &World, tally: Tally) {
    let (error, statuses) = (&world.task.state.error, &world.statuses);
    let held = world.task.kind.holds();
    match world.task.state.status {
        TaskStatus::Running => {
            assert_eq!((statuses.cluster, statuses.reason.as_str()), (held, ""));
            assert!(world.holder.is_some() && tally.active > 0, "nothing moves");
            assert!(error.is_none() || tally.failed > 0);
        }
        TaskStatus::Failed => {
            assert!(world.holder.is_some(), "a FAILED task keeps its cluster");
            assert_eq!(statuses.cluster, held);
            assert!(statuses.reason.contains(error.as_ref().unwrap()));
            assert!(tally.failed > 0);
            assert_eq!(tally.active, 0);
        }
        TaskStatus::Successful => {
            assert!(world.holder.is_none(), "it lets go");
            assert_eq!((error, tally.failed, tally.active), (&None, 0, 0));
            match world.task.state.operation {
                Operation::Rollback => assert_eq!(tally.successful, 0),
                _ => assert_eq!(tally.successful, tally.total),
            }
            let unavailable = statuses.cluster == Unavailable;
            assert_eq!(statuses.reason.is_empty(), !unavailable);
            let all_stopped = statuses.servers.values().all(|status| *status == Stopped);
            assert_eq!(statuses.cluster == Stopped, all_stopped);
        }
    }
}
