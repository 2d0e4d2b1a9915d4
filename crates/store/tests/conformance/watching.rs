//! What a watcher relies on: a snapshot and the revisions after it always lead to the next snapshot.

use std::collections::VecDeque;

use slacktide_engine::{
    commit::Claimant,
    id::TaskId,
    revision::{Revision, fold},
    status::{SubtaskStatus, TaskStatus},
    subtask::Subtask,
    task::{Tally, Task},
};
use slacktide_store::{Committed, Store, TaskSnapshot};

use crate::{
    backend::Backend,
    kit::{begin, commit, drive, executor, register, running, submit, success},
};

/// All revisions after a number, read as a watcher reads them.
pub(crate) async fn history(store: &Store, task: TaskId, after: i64) -> Vec<Revision> {
    let mut read = Vec::new();
    let mut last = after;
    loop {
        let more = store.revisions(task, last).await.expect("the history");
        let Some(end) = more.last() else {
            return read;
        };
        last = end.number;
        read.extend(more);
    }
}

/// Folds revisions onto what was read before; this must give what was read after, state by state.
#[track_caller]
pub(crate) fn assert_folds(
    before: (Task, Vec<Subtask>),
    revisions: &[Revision],
    after: &TaskSnapshot,
) {
    let (mut task, mut subtasks) = before;
    let seen = revisions
        .iter()
        .filter(|revision| revision.number <= after.task.revision);
    for revision in seen {
        assert!(revision.time >= task.last_time, "{revision:?}");
        assert!(
            fold(&mut task, &mut subtasks, revision),
            "{revision:?} does not follow {}",
            task.revision
        );
    }
    assert_eq!(task.revision, after.task.revision);
    assert_eq!(task.state, after.task.state);
    for (folded, read) in subtasks.iter().zip(&after.subtasks) {
        assert_eq!((folded.id, &folded.state), (read.id, &read.state));
    }
    assert_eq!(subtasks.len(), after.subtasks.len());
}

/// The rows of a snapshot are of one moment: the task counts its subtasks as they are.
#[track_caller]
pub(crate) fn assert_whole(snapshot: &TaskSnapshot) {
    let count = |of: &dyn Fn(SubtaskStatus) -> bool| {
        let counted = snapshot.subtasks.iter().filter(|s| of(s.state.status));
        u32::try_from(counted.count()).expect("a small number")
    };
    let tally = Tally {
        total: count(&|_| true),
        successful: count(&|status| status == SubtaskStatus::Successful),
        failed: count(&|status| status == SubtaskStatus::Failed),
        active: count(&SubtaskStatus::is_active),
        running: count(&|status| {
            matches!(status, SubtaskStatus::Running | SubtaskStatus::Canceling)
        }),
    };
    assert_eq!(snapshot.task.tally, tally, "{:?}", snapshot.task);
}

pub(crate) async fn shows_no_rows_of_a_later_revision_under_an_earlier_one(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (mut steps, mut number) = (0, 0);
    // Until enough pairs of different snapshots were seen; each task gives at least one.
    while steps < 60 {
        let cluster = register(&store, number, 2, 8).await;
        let accepted = submit(&store, &cluster).await;
        let id = accepted.task.id;
        number += 1;

        let driving = async {
            let begun = begin(&store, &accepted, &e1).await;
            drive(&store, begun, &e1).await
        };
        let watching = async {
            let mut before = store.task(id, true).await.expect("the task");
            assert_whole(&before);
            while before.task.state.status == TaskStatus::Running {
                let after = store.task(id, true).await.expect("the task");
                assert_whole(&after);
                let changes = history(&store, id, before.task.revision).await;
                assert_folds((before.task, before.subtasks), &changes, &after);
                steps += usize::from(!changes.is_empty());
                before = after;
            }
            before
        };
        let (driven, watched) = tokio::join!(driving, watching);
        assert_eq!(watched.task, driven);
    }
}

/// Ends the claimed runs and what they make READY, one in a commit.
async fn drive_singly(store: &Store, begun: Committed, claimant: &Claimant) -> Task {
    let Committed {
        mut task, claimed, ..
    } = begun;
    let mut runs = VecDeque::from(claimed);
    while let Some(run) = runs.pop_front() {
        let ended = commit(store, run.task, success(&run), claimant).await;
        let committed = ended.expect("the run's end is committed");
        task = committed.task;
        runs.extend(committed.claimed);
    }
    task
}

pub(crate) async fn pages_a_long_history(db: impl Backend) {
    let store = db.open().await;
    let e1 = executor("e1");
    let (accepted, begun) = running(&store, 1, 120, &e1).await;
    let id = accepted.task.id;
    let task = drive_singly(&store, begun, &e1).await;

    let first = store.revisions(id, 0).await.expect("the history");
    let whole = history(&store, id, 0).await;
    assert!(
        first.len() < whole.len(),
        "more commits than one read returns"
    );
    let numbers: Vec<_> = whole.iter().map(|revision| revision.number).collect();
    assert_eq!(numbers, (1..=task.revision).collect::<Vec<_>>());
    assert!(whole.is_sorted_by_key(|revision| revision.time));

    // From any revision on, also from one in the middle of what a commit wrote.
    for after in 0..=12 {
        let rest = store.revisions(id, after).await.expect("the history");
        let passed = usize::try_from(after).expect("a small number");
        assert_eq!(rest[..5], whole[passed..passed + 5]);
    }
    for (task, after) in [(id, task.revision), (id, i64::MAX), (TaskId(404), 0)] {
        let none = store.revisions(task, after).await;
        assert_eq!(none.expect("an answer"), []);
    }
}
