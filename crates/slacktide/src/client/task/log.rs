//! `task log`.

use serde_json::json;
use slacktide_api::v1::{GetSubtaskLogRequest, GetSubtaskLogResponse};

use super::{
    super::{Connection, Failure, Format, Output, places::Places},
    get,
};

/// The log of one subtask, as it is.
pub(super) async fn one(
    connection: &Connection,
    output: &mut Output,
    task_id: i64,
    subtask_id: i64,
) -> anyhow::Result<()> {
    let answer = ask(connection, task_id, subtask_id).await?;
    output.message("GetSubtaskLogResponse", &answer, |answer| {
        answer.log.clone()
    })
}

/// The logs of all subtasks in the order of their ids, each under a line that names the subtask. As JSON:
/// one object with a list, `logs`.
pub(super) async fn all(
    connection: &Connection,
    output: &mut Output,
    task_id: i64,
) -> anyhow::Result<()> {
    let task = get::whole(connection, task_id).await?;
    let cluster_id = task.cluster.as_ref().map(|cluster| cluster.id);
    let places = Places::ask(connection, cluster_id.unwrap_or_default()).await;
    let mut subtasks: Vec<_> = task.subtasks.iter().collect();
    subtasks.sort_by_key(|subtask| subtask.id);
    let mut logs = Vec::new();
    for subtask in subtasks {
        let answer = ask(connection, task_id, subtask.id).await?;
        if output.format == Format::Json {
            let id = subtask.id.to_string();
            logs.push(json!({ "subtaskId": id, "name": subtask.name, "log": answer.log }));
            continue;
        }
        let title = format!(
            "{} {} {}",
            subtask.id,
            subtask.name,
            places.of_subtask(subtask)
        );
        output
            .data
            .write(&format!("== {}\n{}", title.trim_end(), answer.log))?;
    }
    if output.format == Format::Json {
        let logs = json!({ "logs": logs });
        output.data.write(&serde_json::to_string_pretty(&logs)?)?;
    }
    Ok(())
}

async fn ask(
    connection: &Connection,
    task_id: i64,
    subtask_id: i64,
) -> Result<GetSubtaskLogResponse, Failure> {
    let request = GetSubtaskLogRequest {
        task_id,
        subtask_id,
    };
    let answer = connection.tasks().get_subtask_log(request).await?;
    Ok(answer.into_inner())
}
