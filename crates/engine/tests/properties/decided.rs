//! What must come of an event, told from the rows alone: an independent statement of the rules of refusal.

use slacktide_engine::{
    commit::{Claimant, Event, Refusal},
    id::SubtaskId,
    status::{
        Operation,
        SubtaskStatus::{Canceling, Failed, Ready, Running},
        TaskStatus,
    },
    subtask::Subtask,
    time::Micros,
};

use crate::world::World;

/// The refusal that an event must meet; none if it must be written. Its advice is left to the engine.
pub(crate) fn refusal(
    world: &World,
    event: &Event,
    claimant: &Claimant,
    now: Micros,
) -> Option<Refusal> {
    let row = |id: &SubtaskId| &world.subtasks[id];
    let in_run = |id: &SubtaskId, epoch: i64| {
        matches!(row(id).state.status, Running | Canceling) && row(id).epoch == epoch
    };
    let is_due = |subtask: &Subtask| {
        let now = now.max(world.task.last_time);
        subtask.not_before.is_none_or(|time| time <= now)
    };
    let may_run = |subtask: &Subtask| may_run(world, subtask, claimant);
    let (status, operation) = (world.task.state.status, world.task.state.operation);
    let task_state = Some(Refusal::TaskState {
        task: world.task.id,
        status,
        operation,
        advice: "",
    });
    let subtask_state = |id: SubtaskId| {
        Some(Refusal::SubtaskState {
            subtask: id,
            status: row(&id).state.status,
            advice: "",
        })
    };
    let is_rollback = operation == Operation::Rollback;

    let is_left = match event {
        Event::Claim { subtasks } => subtasks.iter().map(row).any(|subtask| {
            let takes = subtask.foldable || may_run(subtask);
            subtask.state.status == Ready && is_due(subtask) && takes
        }),
        Event::TakeOver { runs } => runs
            .iter()
            .any(|(id, epoch)| in_run(id, *epoch) && may_run(row(id))),
        Event::Strand { subtasks, .. } => subtasks.iter().any(|id| row(id).state.status == Ready),
        Event::Abandon { runs, .. } => runs.iter().any(|(id, epoch)| in_run(id, *epoch)),
        Event::Finish { subtask, epoch, .. }
        | Event::HandBack { subtask, epoch }
        | Event::Expire { subtask, epoch, .. } => {
            let (subtask, epoch) = (*subtask, *epoch);
            return (!in_run(&subtask, epoch)).then_some(Refusal::Stale { subtask, epoch });
        }
        Event::RetryTask if status != TaskStatus::Failed || is_rollback => return task_state,
        Event::RollbackTask if status != TaskStatus::Failed => return task_state,
        Event::CancelTask if status != TaskStatus::Running => return task_state,
        Event::RetrySubtask(id) | Event::SkipSubtask(id) if row(id).state.status != Failed => {
            return subtask_state(*id);
        }
        Event::CancelSubtask(id) if row(id).state.status != Running => return subtask_state(*id),
        Event::RetrySubtask(_) if is_rollback => return task_state,
        _ => true,
    };
    (!is_left).then_some(Refusal::NothingToClaim)
}

/// The same without its advice, which must be there.
pub(crate) fn without_advice(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::TaskState {
            task,
            status,
            operation,
            advice,
        } => {
            assert_ne!(advice, "");
            Refusal::TaskState {
                task,
                status,
                operation,
                advice: "",
            }
        }
        Refusal::SubtaskState {
            subtask,
            status,
            advice,
        } => {
            assert_ne!(advice, "");
            Refusal::SubtaskState {
                subtask,
                status,
                advice: "",
            }
        }
        other => other,
    }
}

/// Whether the claimant has room for the subtask and the labels, is on its host, and the task lets one more run.
pub(crate) fn may_run(world: &World, subtask: &Subtask, claimant: &Claimant) -> bool {
    // Looking is all that is left to do, and nobody may be left on the host, or with the labels.
    let is_skip = subtask.state.operation == Operation::Skip;
    let on_its_host = match &subtask.host {
        Some(_) if is_skip => true,
        Some(host) => *host == claimant.host && claimant.host_room > 0,
        None => true,
    };
    let running = |other: &&Subtask| matches!(other.state.status, Running | Canceling);
    let others = world.subtasks.values().filter(running);
    let others = others.filter(|other| other.id != subtask.id).count();
    let limit = world.task.options.parallel;
    claimant.room > 0
        && on_its_host
        && (is_skip || subtask.selector.is_met_by(&claimant.labels))
        && limit.is_none_or(|limit| others < limit as usize)
}

/// The subtasks that an event names.
pub(crate) fn named(event: &Event) -> Vec<SubtaskId> {
    match event {
        Event::Claim { subtasks } | Event::Strand { subtasks, .. } => subtasks.clone(),
        Event::TakeOver { runs } | Event::Abandon { runs, .. } => {
            runs.iter().map(|(id, _)| *id).collect()
        }
        Event::Finish { subtask, .. }
        | Event::HandBack { subtask, .. }
        | Event::Expire { subtask, .. }
        | Event::RetrySubtask(subtask)
        | Event::SkipSubtask(subtask)
        | Event::CancelSubtask(subtask) => vec![*subtask],
        Event::RetryTask | Event::RollbackTask | Event::CancelTask => Vec::new(),
    }
}

/// Whether an operator asks for it.
pub(crate) fn is_command(event: &Event) -> bool {
    matches!(
        event,
        Event::RetryTask
            | Event::RetrySubtask(_)
            | Event::RollbackTask
            | Event::SkipSubtask(_)
            | Event::CancelSubtask(_)
            | Event::CancelTask
    )
}
