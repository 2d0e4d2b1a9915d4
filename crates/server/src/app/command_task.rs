//! What operators ask of a task or a subtask: retry, rollback, skip, cancel. The engine decides.

use slacktide_engine::{commit::Event, id::TaskId};
use slacktide_store::Key;

use super::{
    App, AppError,
    repeat::{carried_out, until_uncontended},
};
use crate::auth::Caller;

/// Has a task do what an event of an operator says, once for each key.
pub(crate) async fn command_task(
    app: &App,
    caller: &Caller,
    task: TaskId,
    event: &Event,
    key: Option<&Key>,
) -> Result<(), AppError> {
    until_uncontended(|| attempt(app, caller, task, event, key)).await
}

async fn attempt(
    app: &App,
    caller: &Caller,
    task: TaskId,
    event: &Event,
    key: Option<&Key>,
) -> Result<(), AppError> {
    // Before the task's state: by now that may be what the first request made of it.
    if carried_out(&app.store, key).await?.is_some() {
        return Ok(());
    }
    let commanded = app.store.command(task, event.clone(), key.cloned()).await;
    match commanded.map_err(AppError::from) {
        Ok(_) => {
            tracing::info!(
                task_id = task.0,
                ?event,
                user = caller.name,
                "commanded a task"
            );
            Ok(())
        }
        // It may be the same request, carried out since the key was looked up, that is in the way.
        Err(refused @ AppError::RefusedByTask(_)) => match carried_out(&app.store, key).await? {
            Some(_) => Ok(()),
            None => Err(refused),
        },
        Err(error) => Err(error),
    }
}
