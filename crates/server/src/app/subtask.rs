//! One subtask with the name of its zone.

use slacktide_engine::{
    id::{SubtaskId, TaskId},
    subtask::Subtask,
};
use slacktide_store::StoreError;

use super::{App, AppError};

/// The subtask as it is now. The name is empty where it works on no zone, and where its cluster is no longer
/// registered.
pub(crate) async fn subtask(
    app: &App,
    task: TaskId,
    id: SubtaskId,
) -> Result<(Subtask, String), AppError> {
    let subtask = app.store.subtask(task, id).await?;
    let Some(zone) = subtask.zone else {
        return Ok((subtask, String::new()));
    };
    let cluster = app.store.task(task, false).await?.task.cluster.id;
    let zones = match app.store.cluster(cluster).await {
        Ok(cluster) => cluster.zones,
        Err(StoreError::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut zones = zones.into_iter();
    let name = zones.find(|of| of.id == zone).map(|of| of.name);
    Ok((subtask, name.unwrap_or_default()))
}
