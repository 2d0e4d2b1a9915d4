//! The calls below `/api/v2/ob/clusters/{id}` that begin a task.
//!
//! OCP has two shapes of a task, from two generations, and each of these calls is documented with one of them.

use slacktide_api::v1::{
    RestartClusterRequest, RestartServerRequest, RestartZoneRequest, StartClusterRequest,
    StartServerRequest, StartZoneRequest, StopClusterRequest, StopServerRequest, StopZoneRequest,
    Task,
};

use crate::{
    envelope::Answer,
    error::ApiError,
    model::{begun::BegunTask, instance::TaskInstance},
    request::call::Call,
    upstream::Rpc,
};

pub(crate) async fn stop_cluster(
    rpc: Rpc,
    Call(message): Call<StopClusterRequest>,
) -> Result<Answer<BegunTask>, ApiError> {
    let response = rpc.clusters().stop_cluster(rpc.request(message)).await?;
    begun(response.into_inner().task)
}

pub(crate) async fn start_cluster(
    rpc: Rpc,
    Call(message): Call<StartClusterRequest>,
) -> Result<Answer<BegunTask>, ApiError> {
    let response = rpc.clusters().start_cluster(rpc.request(message)).await?;
    begun(response.into_inner().task)
}

pub(crate) async fn restart_cluster(
    rpc: Rpc,
    Call(message): Call<RestartClusterRequest>,
) -> Result<Answer<BegunTask>, ApiError> {
    let response = rpc.clusters().restart_cluster(rpc.request(message)).await?;
    begun(response.into_inner().task)
}

pub(crate) async fn stop_zone(
    rpc: Rpc,
    Call(message): Call<StopZoneRequest>,
) -> Result<Answer<TaskInstance>, ApiError> {
    let response = rpc.clusters().stop_zone(rpc.request(message)).await?;
    begun(response.into_inner().task)
}

pub(crate) async fn start_zone(
    rpc: Rpc,
    Call(message): Call<StartZoneRequest>,
) -> Result<Answer<TaskInstance>, ApiError> {
    let response = rpc.clusters().start_zone(rpc.request(message)).await?;
    begun(response.into_inner().task)
}

pub(crate) async fn restart_zone(
    rpc: Rpc,
    Call(message): Call<RestartZoneRequest>,
) -> Result<Answer<TaskInstance>, ApiError> {
    let response = rpc.clusters().restart_zone(rpc.request(message)).await?;
    begun(response.into_inner().task)
}

pub(crate) async fn stop_server(
    rpc: Rpc,
    Call(message): Call<StopServerRequest>,
) -> Result<Answer<BegunTask>, ApiError> {
    let response = rpc.clusters().stop_server(rpc.request(message)).await?;
    begun(response.into_inner().task)
}

pub(crate) async fn start_server(
    rpc: Rpc,
    Call(message): Call<StartServerRequest>,
) -> Result<Answer<BegunTask>, ApiError> {
    let response = rpc.clusters().start_server(rpc.request(message)).await?;
    begun(response.into_inner().task)
}

pub(crate) async fn restart_server(
    rpc: Rpc,
    Call(message): Call<RestartServerRequest>,
) -> Result<Answer<TaskInstance>, ApiError> {
    let response = rpc.clusters().restart_server(rpc.request(message)).await?;
    begun(response.into_inner().task)
}

fn begun<T: From<Task>>(task: Option<Task>) -> Result<Answer<T>, ApiError> {
    let task = task.ok_or_else(ApiError::internal)?;
    Ok(Answer(task.into()))
}
