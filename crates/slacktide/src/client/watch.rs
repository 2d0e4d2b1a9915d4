//! Watching a task to its end, and judging that end.

mod follow;
mod goal;
mod live;
mod model;
mod notes;
mod picture;
mod plain;
#[cfg(test)]
mod samples;
mod verdict;
mod view;

use std::{io, process::ExitCode};

use slacktide_api::v1::{GetClusterRequest, GetTaskRequest, Task, TaskView};

use super::{
    Connection, Failure, Format,
    clock::ServerClock,
    output::{Output, Sink, note},
    places::Places,
};
use follow::follow;
pub(super) use goal::{Goal, Target};
use live::Live;
use plain::Plain;
use view::View;

/// Shows a task until it ends; success only if the goal is reached. In the JSON format the lines of the
/// watch go to stderr, and the task as it ended goes to stdout.
///
/// # Errors
/// What the server refused, or that it was away for too long.
pub(super) async fn watch(
    connection: &Connection,
    output: &mut Output,
    task_id: i64,
    after: Option<i64>,
    goal: Goal,
) -> anyhow::Result<ExitCode> {
    let request = GetTaskRequest {
        id: task_id,
        view: TaskView::Basic.into(),
    };
    let answer = connection
        .tasks()
        .get_task(request)
        .await
        .map_err(Failure::from)?;
    let begun = answer.into_inner().task.unwrap_or_default();
    let goal = goal.of(&begun);
    let cluster_id = begun.cluster.map(|cluster| cluster.id);
    let places = Places::ask(connection, cluster_id.unwrap_or_default()).await;

    let task = show(connection, output, task_id, after, &places).await?;
    if output.format == Format::Json {
        let mut by_id = task.clone();
        by_id.subtasks.sort_by_key(|subtask| subtask.id);
        output.json("Task", &by_id)?;
    }
    let cluster = match (&goal, cluster_id) {
        (Goal::Reached(_), Some(id)) => {
            let request = GetClusterRequest { id };
            let answer = connection
                .clusters()
                .get_cluster(request)
                .await
                .map_err(Failure::from)?;
            answer.into_inner().cluster
        }
        _ => None,
    };
    let faults = verdict::faults(&task, &places, &goal, cluster.as_ref());
    for fault in &faults {
        note(fault);
    }
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn show(
    connection: &Connection,
    output: &mut Output,
    task_id: i64,
    after: Option<i64>,
    places: &Places,
) -> anyhow::Result<Task> {
    let mut stderr = Sink::new(io::stderr());
    let mut view: Box<dyn View + '_> = match output.format {
        Format::Json => Box::new(Plain::new(&mut stderr, places)),
        Format::Table if output.live => {
            let clock = ServerClock::read(connection).await?;
            Box::new(Live::new(&mut output.data, places, clock))
        }
        Format::Table => Box::new(Plain::new(&mut output.data, places)),
    };
    let task = follow(connection, task_id, after, view.as_mut()).await?;
    view.end(&task)?;
    Ok(task)
}
