//! Whether a task ended as it should have, and if not, why.

use slacktide_api::v1::{Cluster, ClusterStatus, Operation, SubtaskStatus, Task, TaskStatus};

use super::super::{
    places::Places,
    text::{self, Word},
};

/// Failed subtasks beyond these are only counted.
const SHOWN: usize = 5;

/// What is wrong with how the task ended, a line each; nothing if it did what was asked. `stopped` is the
/// cluster as it is now, where the task was to stop it.
pub(super) fn faults(task: &Task, places: &Places, stopped: Option<&Cluster>) -> Vec<String> {
    let mut faults = Vec::new();
    let id = task.id;
    if task.status() != TaskStatus::Successful {
        let why = match task.error.as_str() {
            "" => String::new(),
            error => format!(": {}", text::one_line(error)),
        };
        faults.push(format!("task {id} is {}{why}", task.status().word()));
        faults.extend(failed_subtasks(task, places));
    } else if task.operation() == Operation::Rollback {
        faults.push(format!("task {id} was rolled back"));
    }
    if let Some(cluster) = stopped.filter(|cluster| cluster.status() != ClusterStatus::Stopped) {
        let why = match cluster.status_reason.as_str() {
            "" => String::new(),
            reason => format!(": {}", text::one_line(reason)),
        };
        let status = cluster.status().word();
        faults.push(format!(
            "cluster {} is {status}, not STOPPED{why}",
            cluster.id
        ));
    }
    faults
}

fn failed_subtasks(task: &Task, places: &Places) -> Vec<String> {
    let is_failed = |status| status == SubtaskStatus::Failed;
    let failed: Vec<_> = task
        .subtasks
        .iter()
        .filter(|subtask| is_failed(subtask.status()))
        .collect();
    let mut lines: Vec<_> = failed
        .iter()
        .take(SHOWN)
        .map(|subtask| {
            let place = match places.of_subtask(subtask).as_str() {
                "" => String::new(),
                place => format!(" ({place})"),
            };
            let error = text::or_dash(&text::one_line(&subtask.error));
            format!(
                "  {}{place}: {error}\n    see `slacktide task log {} {}`",
                subtask.name, task.id, subtask.id
            )
        })
        .collect();
    if failed.len() > SHOWN {
        let more = failed.len() - SHOWN;
        lines.push(format!(
            "  and {more} more: see `slacktide task get {}`",
            task.id
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{
        super::{model::Model, samples},
        *,
    };

    fn ended(status: TaskStatus) -> Task {
        Task {
            status: status.into(),
            ..samples::task()
        }
    }

    #[test]
    fn a_task_that_did_what_was_asked_has_no_fault() {
        let stopped = Cluster {
            status: ClusterStatus::Stopped.into(),
            ..Cluster::default()
        };
        let task = ended(TaskStatus::Successful);
        assert!(faults(&task, &Places::default(), Some(&stopped)).is_empty());
        assert!(faults(&task, &Places::default(), None).is_empty());
    }

    #[test]
    fn a_failed_task_shows_why_and_where_to_look() {
        let mut model = Model::new(samples::task());
        model
            .fold(&samples::subtask_change(2, 10, SubtaskStatus::Failed))
            .unwrap();
        model
            .fold(&samples::task_change(3, TaskStatus::Failed))
            .unwrap();
        assert_eq!(
            faults(model.task(), &samples::places(), None),
            [
                "task 7 is FAILED",
                "  Stop observer process (zone1 127.0.0.1:2881): port 2881 is still in use\n    \
                 see `slacktide task log 7 10`",
            ]
        );
    }

    #[test]
    fn a_rollback_is_no_success() {
        let task = Task {
            operation: Operation::Rollback.into(),
            ..ended(TaskStatus::Successful)
        };
        assert_eq!(
            faults(&task, &Places::default(), None),
            ["task 7 was rolled back"]
        );
    }

    #[test]
    fn a_cluster_that_is_not_stopped_is_no_success() {
        let cluster = Cluster {
            id: 3,
            status: ClusterStatus::Unavailable.into(),
            status_reason: "server 127.0.0.1:2881 was skipped".to_owned(),
            ..Cluster::default()
        };
        assert_eq!(
            faults(
                &ended(TaskStatus::Successful),
                &Places::default(),
                Some(&cluster)
            ),
            ["cluster 3 is UNAVAILABLE, not STOPPED: server 127.0.0.1:2881 was skipped"]
        );
    }
}
