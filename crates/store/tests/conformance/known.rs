//! What a writer knows of a task from its own last commit.

use slacktide_engine::{commit::Event, status::TaskStatus};

use crate::{
    backend::Backend,
    kit::{commit, executor, failure, running, success},
};

pub(crate) async fn is_given_up_where_another_process_committed(db: impl Backend) {
    let (here, there) = (db.open().await, db.open().await);
    let e1 = executor("e1");
    let (accepted, begun) = running(&here, 1, 3, &e1).await;
    let task = accepted.task.id;
    let [first, second, third] = begun.claimed.as_slice() else {
        panic!("a run for each server, not {begun:?}");
    };
    let mut last = begun.clone();
    for (store, run) in [(&there, first), (&here, second), (&there, third)] {
        let committed = commit(store, task, success(run), &e1).await;
        let committed = committed.expect("the run's end is committed");
        assert!(committed.task.revision > last.task.revision);
        last = committed;
    }

    // A refusal, too, must rest on what is so: there, the task is last known to be RUNNING.
    let [failing, rest @ ..] = last.claimed.as_slice() else {
        panic!("the next run for each server, not {last:?}");
    };
    let mut ends = vec![failure(failing, "it stays")];
    ends.extend(rest.iter().map(success));
    for end in ends {
        let committed = commit(&here, task, end, &e1).await;
        last = committed.expect("the run's end is committed");
    }
    assert_eq!(last.task.state.status, TaskStatus::Failed);
    let retried = there.command(task, Event::RetryTask, None).await;
    let retried = retried.expect("a FAILED task is retried").task;
    assert_eq!(retried.state.status, TaskStatus::Running);

    let revisions = here.revisions(task, 0).await.expect("the history");
    let numbers: Vec<_> = revisions.iter().map(|revision| revision.number).collect();
    assert_eq!(numbers, (1..=retried.revision).collect::<Vec<_>>());
}
