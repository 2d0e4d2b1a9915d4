//! Takes over lost runs: what was lost is claimed again, and its run looks first.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use slacktide_engine::id::{SubtaskId, TaskId};
use slacktide_store::RunKey;

use super::{PARALLEL, assignment, fence};
use crate::{crash_point, worker::Worker};

/// Takes over lost runs. Their hosts are fenced first: whoever had them sends nothing more.
pub(crate) async fn take_over(worker: &Worker, lost: Vec<RunKey>) {
    if worker.is_draining() {
        return;
    }
    let due = lost
        .into_iter()
        .filter(|(_, subtask, _)| worker.admit(*subtask).is_some());
    let fencing = due.map(|run| async move { is_fenced(worker, run).await.then_some(run) });
    let fenced = stream::iter(fencing).buffer_unordered(PARALLEL);
    let fenced: Vec<RunKey> = fenced.filter_map(std::future::ready).collect().await;

    let mut by_task: BTreeMap<TaskId, Vec<(SubtaskId, i64)>> = BTreeMap::new();
    for (task, subtask, epoch) in fenced {
        by_task.entry(task).or_default().push((subtask, epoch));
    }
    for (task, runs) in by_task {
        let taken = worker.take_over(task, &runs).await;
        for (subtask, _) in runs {
            match taken.contains(&subtask) {
                true => worker.count(subtask),
                false => worker.spare(subtask),
            }
        }
    }
}

async fn is_fenced(worker: &Worker, (task, subtask, epoch): RunKey) -> bool {
    let fencing = async {
        match assignment(worker, task, subtask, epoch).await {
            Ok(Some(assignment)) => fence(worker, &assignment).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    };
    let fenced = match fencing.await {
        Ok(()) => true,
        // Nobody else is alive who could act. The new run meets the same obstacle and fails with the reason.
        Err(error) if worker.options().alone => {
            tracing::warn!(%task, %subtask, error, "cannot fence a lost run, going on");
            true
        }
        Err(error) => {
            tracing::warn!(%task, %subtask, error, "cannot fence a lost run, trying again later");
            worker.count(subtask);
            false
        }
    };
    crash_point::reached("before-take-over").await;
    fenced
}
