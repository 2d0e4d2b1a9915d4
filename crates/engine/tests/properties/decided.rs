//! What must come of an event, told from the rows alone: an independent statement of the rules of refusal.

use slacktide_engine::{
    commit::{Claimant, Event, Refusal},
    id::SubtaskId,
    status::SubtaskStatus,
    subtask::Subtask,
};

use crate::world::World;

/// The refusal that an event must meet; none if it must be written.
pub(crate) fn refusal(world: &World, event: &Event, claimant: &Claimant) -> Option<Refusal> {
    let row = |id: &SubtaskId| &world.subtasks[id];
    let in_run = |id: &SubtaskId, epoch: i64| {
        row(id).state.status == SubtaskStatus::Running && row(id).epoch == epoch
    };
    let allowed = match event {
        Event::Claim { subtasks } => subtasks.iter().any(|id| {
            row(id).state.status == SubtaskStatus::Ready
                && (row(id).foldable || may_run(row(id), claimant))
        }),
        Event::TakeOver { runs } => runs
            .iter()
            .any(|(id, epoch)| in_run(id, *epoch) && may_run(row(id), claimant)),
        Event::Finish { subtask, epoch, .. } | Event::HandBack { subtask, epoch } => {
            let stale = Refusal::Stale {
                subtask: *subtask,
                epoch: *epoch,
            };
            return (!in_run(subtask, *epoch)).then_some(stale);
        }
    };
    (!allowed).then_some(Refusal::NothingToClaim)
}

/// Whether the claimant has room for the subtask and is on its host.
pub(crate) fn may_run(subtask: &Subtask, claimant: &Claimant) -> bool {
    claimant.room > 0
        && subtask
            .host
            .as_ref()
            .is_none_or(|host| *host == claimant.host)
}

/// The subtasks that an event names.
pub(crate) fn named(event: &Event) -> Vec<SubtaskId> {
    match event {
        Event::Claim { subtasks } => subtasks.clone(),
        Event::TakeOver { runs } => runs.iter().map(|(id, _)| *id).collect(),
        Event::Finish { subtask, .. } | Event::HandBack { subtask, .. } => vec![*subtask],
    }
}
