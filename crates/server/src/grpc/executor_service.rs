//! `slacktide.v1.ExecutorService`.

use std::collections::HashMap;

use slacktide_api::v1::{
    Executor, ExecutorRun, ListExecutorsRequest, ListExecutorsResponse,
    executor_service_server::ExecutorService,
};
use slacktide_store::{self as store, ExecutorStatus};
use tonic::{Request, Response, Status};

use super::{Api, admit, convert::timestamp};
use crate::app::AppError;

#[tonic::async_trait]
impl ExecutorService for Api {
    async fn list_executors(
        &self,
        request: Request<ListExecutorsRequest>,
    ) -> Result<Response<ListExecutorsResponse>, Status> {
        admit(self, request).await?;
        let listed = self.app.store.executors().await.map_err(AppError::from)?;
        Ok(Response::new(ListExecutorsResponse {
            executors: listed.into_iter().map(executor).collect(),
        }))
    }
}

fn executor(status: ExecutorStatus) -> Executor {
    Executor {
        id: status.lease.id,
        host: status.lease.host,
        labels: HashMap::from_iter(status.labels.labels().clone()),
        capacity: i32::try_from(status.capacity).unwrap_or(i32::MAX),
        start_time: Some(timestamp(status.start_time)),
        renewals: status.lease.counter,
        runs: status.runs.into_iter().map(run).collect(),
    }
}

fn run(run: store::ExecutorRun) -> ExecutorRun {
    ExecutorRun {
        task_id: run.task.0,
        subtask_id: run.subtask.0,
        name: run.kind.name().to_owned(),
        start_time: Some(timestamp(run.since)),
    }
}
