//! The calls below `/api/v2/tasks/instances/{taskInstanceId}` that change a task.

use slacktide_api::v1::{
    CancelSubtaskRequest, CancelTaskRequest, RetrySubtaskRequest, RetryTaskRequest,
    RollbackTaskRequest, SkipSubtaskRequest, Task,
};

use crate::{
    envelope::{Answer, Done},
    error::ApiError,
    model::task::{Subtask, WrappedTask},
    request::call::Call,
    upstream::Rpc,
};

pub(crate) async fn retry_task(
    rpc: Rpc,
    Call(message): Call<RetryTaskRequest>,
) -> Result<Answer<WrappedTask>, ApiError> {
    let response = rpc.tasks().retry_task(rpc.request(message)).await?;
    wrapped(response.into_inner().task)
}

pub(crate) async fn roll_back_task(
    rpc: Rpc,
    Call(message): Call<RollbackTaskRequest>,
) -> Result<Answer<WrappedTask>, ApiError> {
    let response = rpc.tasks().rollback_task(rpc.request(message)).await?;
    wrapped(response.into_inner().task)
}

/// Ours: OCP cancels subtasks only.
pub(crate) async fn cancel_task(
    rpc: Rpc,
    Call(message): Call<CancelTaskRequest>,
) -> Result<Answer<WrappedTask>, ApiError> {
    let response = rpc.tasks().cancel_task(rpc.request(message)).await?;
    wrapped(response.into_inner().task)
}

pub(crate) async fn retry_subtask(
    rpc: Rpc,
    Call(message): Call<RetrySubtaskRequest>,
) -> Result<Answer<Subtask>, ApiError> {
    let response = rpc.tasks().retry_subtask(rpc.request(message)).await?;
    let subtask = response
        .into_inner()
        .subtask
        .ok_or_else(ApiError::internal)?;
    Ok(Answer(subtask.into()))
}

pub(crate) async fn skip_subtask(
    rpc: Rpc,
    Call(message): Call<SkipSubtaskRequest>,
) -> Result<Done, ApiError> {
    rpc.tasks().skip_subtask(rpc.request(message)).await?;
    Ok(Done)
}

pub(crate) async fn cancel_subtask(
    rpc: Rpc,
    Call(message): Call<CancelSubtaskRequest>,
) -> Result<Done, ApiError> {
    rpc.tasks().cancel_subtask(rpc.request(message)).await?;
    Ok(Done)
}

fn wrapped(task: Option<Task>) -> Result<Answer<WrappedTask>, ApiError> {
    let task = task.ok_or_else(ApiError::internal)?;
    Ok(Answer(task.into()))
}
