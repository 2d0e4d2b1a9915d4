//! `task get`, and how a task is shown.

use slacktide_api::v1::{GetTaskRequest, Subtask, Task, TaskView};

use super::super::{
    Connection, Failure, Format, Output,
    clock::ServerClock,
    places::Places,
    text::{self, Word},
};

pub(super) async fn run(
    connection: &Connection,
    output: &mut Output,
    id: i64,
) -> anyhow::Result<()> {
    let task = whole(connection, id).await?;
    if output.format == Format::Json {
        return output.json("Task", &task);
    }
    let clock = ServerClock::read(connection).await?;
    let cluster_id = task.cluster.as_ref().map(|cluster| cluster.id);
    let places = Places::ask(connection, cluster_id.unwrap_or_default()).await;
    output.data.write(&text(&task, &places, &clock))?;
    Ok(())
}

/// The task with all its subtasks.
pub(super) async fn whole(connection: &Connection, id: i64) -> Result<Task, Failure> {
    let request = GetTaskRequest {
        id,
        view: TaskView::Full.into(),
    };
    let answer = connection.tasks().get_task(request).await?;
    Ok(answer.into_inner().task.unwrap_or_default())
}

fn text(task: &Task, places: &Places, clock: &ServerClock) -> String {
    let cluster = task.cluster.as_ref();
    let progress = task.progress.unwrap_or_default();
    let took = clock.took(task.create_time.as_ref(), task.finish_time.as_ref());
    let status = match task.error.as_str() {
        "" => task.status().word().to_owned(),
        error => format!("{}: {}", task.status().word(), text::one_line(error)),
    };
    [
        format!("task {}  {}  {status}", task.id, task.name),
        format!(
            "cluster    {} ({})",
            cluster.map_or("-", |cluster| &cluster.name),
            cluster.map_or(0, |cluster| cluster.id),
        ),
        format!("operation  {}", task.operation().word()),
        format!(
            "progress   {} of {} done, {} active, {} failed, revision {}",
            progress.successful, progress.total, progress.active, progress.failed, task.revision
        ),
        format!(
            "accepted   {} from {}",
            text::time(task.create_time.as_ref()),
            task.creator.as_ref().map_or("-", |creator| &creator.name),
        ),
        format!("finished   {}", text::time(task.finish_time.as_ref())),
        format!(
            "took       {}",
            took.map_or_else(|| "-".to_owned(), text::elapsed)
        ),
        format!("trace      {}", text::or_dash(&task.trace_id)),
        String::new(),
        subtasks(&task.subtasks, places, clock),
    ]
    .join("\n")
}

fn subtasks(subtasks: &[Subtask], places: &Places, clock: &ServerClock) -> String {
    let header = ["ID", "SUBTASK", "ON", "STATUS", "RUNS", "TOOK", "ERROR"];
    let row = |subtask: &Subtask| {
        let took = clock.took(subtask.start_time.as_ref(), subtask.finish_time.as_ref());
        let status = text::standing(subtask.status(), subtask.operation());
        [
            subtask.id.to_string(),
            subtask.name.clone(),
            text::or_dash(&places.of_subtask(subtask)),
            status,
            runs(subtask),
            took.map_or_else(|| "-".to_owned(), text::elapsed),
            text::or_dash(&text::one_line(&subtask.error)),
        ]
    };
    text::columns(header, in_order(subtasks).into_iter().map(row).collect())
}

/// How often it ran. A run counts from when it is due, so one that never began has none yet.
fn runs(subtask: &Subtask) -> String {
    match (&subtask.start_time, subtask.run_time) {
        (None, 0 | 1) => "-".to_owned(),
        (_, runs) => runs.to_string(),
    }
}

/// What would be done, in the template's order, for a dry run.
pub(in super::super) fn plan(subtasks: &[Subtask], places: &Places) -> String {
    let row = |subtask: &Subtask| {
        let after: Vec<_> = subtask.upstreams.iter().map(i64::to_string).collect();
        [
            subtask.id.to_string(),
            subtask.name.clone(),
            text::or_dash(&places.of_subtask(subtask)),
            text::or_dash(&after.join(",")),
        ]
    };
    let rows = in_order(subtasks).into_iter().map(row).collect();
    text::columns(["ID", "SUBTASK", "ON", "AFTER"], rows)
}

fn in_order(subtasks: &[Subtask]) -> Vec<&Subtask> {
    let mut ordered: Vec<_> = subtasks.iter().collect();
    ordered.sort_by_key(|subtask| (subtask.series_id, subtask.parallel_idx, subtask.id));
    ordered
}

#[cfg(test)]
mod tests {
    use slacktide_api::v1::{Operation, SubtaskStatus, TaskCluster, TaskProgress, TaskStatus};

    use super::*;

    #[test]
    fn a_task_shows_its_subtasks_in_order_with_times_and_errors() {
        let subtask = |id, series_id, status: SubtaskStatus| Subtask {
            id,
            series_id,
            name: format!("Step {series_id}"),
            status: status.into(),
            operation: Operation::Execute.into(),
            run_time: 1,
            start_time: Some("2026-11-23T08:00:00Z".parse().unwrap()),
            ..Subtask::default()
        };
        let failed = Subtask {
            error: "the process\nwould not end".to_owned(),
            operation: Operation::Retry.into(),
            run_time: 2,
            finish_time: Some("2026-11-23T08:00:01.5Z".parse().unwrap()),
            zone_name: "zone1".to_owned(),
            ..subtask(20, 2, SubtaskStatus::Failed)
        };
        let waiting = Subtask {
            start_time: None,
            ..subtask(22, 3, SubtaskStatus::Pending)
        };
        let task = Task {
            id: 42,
            name: "Stop OB cluster".to_owned(),
            status: TaskStatus::Failed.into(),
            cluster: Some(TaskCluster {
                id: 3,
                name: "ob_demo".to_owned(),
                ob_cluster_id: 22,
            }),
            progress: Some(TaskProgress {
                total: 2,
                successful: 1,
                failed: 1,
                active: 0,
            }),
            subtasks: vec![failed, subtask(21, 1, SubtaskStatus::Running), waiting],
            ..Task::default()
        };
        let clock = ServerClock::new("2026-11-23T08:02:05Z".parse().unwrap());
        let text = text(&task, &Places::default(), &clock);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "task 42  Stop OB cluster  FAILED");
        assert_eq!(
            lines[3],
            "progress   1 of 2 done, 0 active, 1 failed, revision 0"
        );
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(lines[10]), "21 Step 1 - RUNNING 1 2 m 05 s -");
        assert_eq!(
            words(lines[11]),
            "20 Step 2 zone1 FAILED (RETRY) 2 1.5 s the process would not end"
        );
        assert_eq!(words(lines[12]), "22 Step 3 - PENDING - - -");
    }
}
