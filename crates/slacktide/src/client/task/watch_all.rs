//! `task watch --all` and `task watch --cluster`.

use slacktide_api::v1::{Task, WatchTasksRequest, WatchTasksResponse};
use tonic::Streaming;

use super::super::{
    Connection, Failure, Format, Output, json,
    patience::{End, persist},
    text,
};

/// Prints a line for each change of a task, of one cluster or of all, until it is ended by a signal. In the
/// JSON format: the task, one object a line.
pub(super) async fn watch_all(
    connection: &Connection,
    output: &mut Output,
    cluster_id: Option<i64>,
) -> anyhow::Result<()> {
    let resume = match cluster_id {
        Some(id) => format!("slacktide task watch --cluster {id}"),
        None => "slacktide task watch --all".to_owned(),
    };
    persist(&resume, async || {
        let mut steady = false;
        let request = WatchTasksRequest { cluster_id };
        let failure = match connection.tasks().watch_tasks(request).await {
            Ok(answer) => show(output, answer.into_inner(), &mut steady).await?,
            Err(status) => Some(Failure::from(status)),
        };
        match failure {
            Some(failure) => failure.or_patience(steady),
            // It never ends by itself.
            None => Ok(End::Broken {
                cause: "the server ended the watch".to_owned(),
                steady,
            }),
        }
    })
    .await
}

async fn show(
    output: &mut Output,
    mut stream: Streaming<WatchTasksResponse>,
    steady: &mut bool,
) -> anyhow::Result<Option<Failure>> {
    loop {
        let task = match stream.message().await {
            Ok(Some(message)) => message.task.unwrap_or_default(),
            Ok(None) => return Ok(None),
            Err(status) => return Ok(Some(status.into())),
        };
        *steady = true;
        output.data.write(&match output.format {
            Format::Table => line(&task),
            Format::Json => json::line("Task", &task)?,
        })?;
    }
}

/// `task 7  Stop OB cluster of ob_demo  RUNNING (RETRY)  3/11 done, 1 active, 1 failed: why`.
fn line(task: &Task) -> String {
    let progress = task.progress.unwrap_or_default();
    let mut line = format!(
        "task {}  {} of {}  {}  {}/{} done",
        task.id,
        task.name,
        task.cluster.as_ref().map_or("-", |cluster| &cluster.name),
        text::standing(task.status(), task.operation()),
        progress.successful,
        progress.total,
    );
    for (count, word) in [(progress.active, "active"), (progress.failed, "failed")] {
        if count > 0 {
            line += &format!(", {count} {word}");
        }
    }
    if !task.error.is_empty() {
        line += &format!(": {}", text::one_line(&task.error));
    }
    line
}

#[cfg(test)]
mod tests {
    use slacktide_api::v1::{Operation, TaskCluster, TaskProgress, TaskStatus};

    use super::*;

    #[test]
    fn a_task_is_one_line() {
        let task = Task {
            id: 7,
            name: "Stop OB cluster".to_owned(),
            cluster: Some(TaskCluster {
                name: "ob_demo".to_owned(),
                ..TaskCluster::default()
            }),
            status: TaskStatus::Running.into(),
            operation: Operation::Retry.into(),
            progress: Some(TaskProgress {
                total: 11,
                successful: 3,
                failed: 1,
                active: 2,
            }),
            error: "port 2881\nis still in use".to_owned(),
            ..Task::default()
        };
        assert_eq!(
            line(&task),
            "task 7  Stop OB cluster of ob_demo  RUNNING (RETRY)  3/11 done, 2 active, 1 failed: \
             port 2881 is still in use"
        );
    }
}
