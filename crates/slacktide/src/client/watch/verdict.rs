//! Whether a task ended as it should have, and if not, why.

use slacktide_api::v1::{Cluster, Operation, Subtask, SubtaskStatus, Task, TaskStatus};

use super::{
    super::{
        places::Places,
        text::{self, Word},
    },
    goal::Goal,
};

/// Failed subtasks beyond these are only counted.
const SHOWN: usize = 5;

/// A task's status as one of its changes; why it is failing, as far as no subtask's own line tells.
pub(super) fn standing(task: &Task) -> String {
    let failing = task.status() == TaskStatus::Running && !task.error.is_empty();
    if !failing {
        return text::standing(task.status(), task.operation());
    }
    let whole = task.error.as_str();
    let untold = failed(task).find_map(|subtask| untold(task, subtask));
    format!("failing: {}", text::one_line(untold.unwrap_or(whole)))
}

/// What is wrong with how the task ended, a line each; nothing if the goal is reached. `cluster` is the task's
/// cluster as it is now; without one, where it was not to be had, what a goal says of it is not judged.
pub(super) fn faults(
    task: &Task,
    places: &Places,
    goal: &Goal,
    cluster: Option<&Cluster>,
) -> Vec<String> {
    let mut faults = Vec::new();
    if !goal.is_met_by(task) {
        faults.push(missed(task));
        faults.extend(failed_subtasks(task, places));
        faults.extend(advice(task));
    }
    if let (Goal::Reached(target), Some(cluster)) = (goal, cluster) {
        faults.extend(target.fault(cluster, &task.error));
    }
    faults
}

/// How a task ended that did not end as it had to.
fn missed(task: &Task) -> String {
    let id = task.id;
    match (task.status(), task.operation()) {
        (TaskStatus::Successful, Operation::Rollback) => format!("task {id} was rolled back"),
        (TaskStatus::Successful, _) => {
            format!("task {id} was done before anything could be undone or canceled")
        }
        (status, _) => {
            let told = task.error.is_empty()
                || failed(task)
                    .take(SHOWN)
                    .any(|subtask| untold(task, subtask).is_some());
            let why = if told {
                String::new()
            } else {
                format!(": {}", text::one_line(&task.error))
            };
            format!("task {id} is {}{why}", status.word())
        }
    }
}

/// What an operator can do about a task that failed: it keeps its cluster until then.
fn advice(task: &Task) -> Option<String> {
    let id = task.id;
    match (task.status(), task.operation()) {
        (TaskStatus::Failed, Operation::Rollback) => Some(format!(
            "  go on with `slacktide task rollback {id}`, or pass over a subtask with `slacktide task skip {id} SUBTASK`"
        )),
        (TaskStatus::Failed, _) => Some(format!(
            "  go on with `slacktide task retry {id}`, or undo it with `slacktide task rollback {id}`"
        )),
        _ => None,
    }
}

fn failed(task: &Task) -> impl Iterator<Item = &Subtask> {
    let subtasks = task.subtasks.iter();
    subtasks.filter(|subtask| subtask.status() == SubtaskStatus::Failed)
}

/// A task's error names a subtask and repeats that one's error. What is left of it without that, if it is
/// this subtask's.
fn untold<'a>(task: &'a Task, subtask: &Subtask) -> Option<&'a str> {
    let error = subtask.error.as_str();
    let named = task.error.strip_suffix(error);
    named
        .filter(|_| !error.is_empty())
        .map(|named| named.trim_end_matches(": "))
}

fn failed_subtasks(task: &Task, places: &Places) -> Vec<String> {
    let failed: Vec<_> = failed(task).collect();
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
        super::{goal::Target, model::Model, samples},
        *,
    };
    use slacktide_api::v1::ClusterStatus;

    const STOPPED: Goal = Goal::Reached(Target::Cluster(ClusterStatus::Stopped));

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
        assert!(faults(&task, &Places::default(), &STOPPED, Some(&stopped)).is_empty());
        assert!(faults(&task, &Places::default(), &Goal::Done, None).is_empty());
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
            faults(model.task(), &samples::places(), &Goal::Done, None),
            [
                "task 7 is FAILED",
                "  Stop observer process (zone1 127.0.0.1:2881): port 2881 is still in use\n    \
                 see `slacktide task log 7 10`",
                "  go on with `slacktide task retry 7`, or undo it with `slacktide task rollback 7`",
            ]
        );
    }

    #[test]
    fn a_reason_is_told_once() {
        let mut model = Model::new(samples::task());
        model
            .fold(&samples::subtask_change(2, 10, SubtaskStatus::Failed))
            .unwrap();
        let error = "Stop observer process (subtask 10): port 2881 is still in use";
        let failing = Task {
            error: error.to_owned(),
            ..model.task().clone()
        };
        assert_eq!(
            standing(&failing),
            "failing: Stop observer process (subtask 10)"
        );
        let failed = Task {
            status: TaskStatus::Failed.into(),
            ..failing
        };
        assert_eq!(standing(&failed), "FAILED");
        let cluster = Cluster {
            id: 3,
            status: ClusterStatus::Stopping.into(),
            status_reason: format!("task 7 failed: {error}"),
            ..Cluster::default()
        };
        let faults = faults(&failed, &samples::places(), &STOPPED, Some(&cluster));
        assert_eq!(faults[0], "task 7 is FAILED");
        assert_eq!(faults[3], "cluster 3 is STOPPING, not STOPPED");
        let told = faults.join("\n");
        assert_eq!(told.matches("still in use").count(), 1, "{told}");
    }

    #[test]
    fn an_error_that_no_subtask_has_is_told_with_the_task() {
        let failing = Task {
            error: "its time ran out".to_owned(),
            ..samples::task()
        };
        assert_eq!(standing(&failing), "failing: its time ran out");
        let failed = Task {
            status: TaskStatus::Failed.into(),
            ..failing
        };
        let faults = faults(&failed, &samples::places(), &Goal::Done, None);
        assert_eq!(faults[0], "task 7 is FAILED: its time ran out");
    }

    #[test]
    fn a_rollback_is_no_success() {
        let task = Task {
            operation: Operation::Rollback.into(),
            ..ended(TaskStatus::Successful)
        };
        assert_eq!(
            faults(&task, &Places::default(), &Goal::Done, None),
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
                &STOPPED,
                Some(&cluster)
            ),
            ["cluster 3 is UNAVAILABLE, not STOPPED: server 127.0.0.1:2881 was skipped"]
        );
    }
}
