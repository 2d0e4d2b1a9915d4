//! `slacktide.v1.TaskService`.

use futures::stream::BoxStream;
use slacktide_api::v1::{
    GetSubtaskLogRequest, GetSubtaskLogResponse, GetTaskRequest, GetTaskResponse, ListTasksRequest,
    ListTasksResponse, TaskType, WatchTaskRequest, WatchTaskResponse,
    task_service_server::TaskService,
};
use slacktide_engine::id::{ClusterId, SubtaskId, TaskId};
use slacktide_store::{Listed, TaskFilter};
use tonic::{Request, Response, Status};

use super::{
    Api, admit,
    convert::{
        keyword, no_such_value, statuses,
        task::{filter_status, snapshot, with_subtasks},
    },
    page::Paging,
    watch::Watch,
};
use crate::app::{self, AppError, Violations};

#[tonic::async_trait]
impl TaskService for Api {
    async fn get_task(
        &self,
        request: Request<GetTaskRequest>,
    ) -> Result<Response<GetTaskResponse>, Status> {
        let (_, request) = admit(request, "TASK", |request| request.id, "READ")?;
        let mut violations = Violations::default();
        let subtasks = with_subtasks(request.view, true, &mut violations);
        violations.into_result()?;
        let found = self.app.store.task(TaskId(request.id), subtasks).await;
        Ok(Response::new(GetTaskResponse {
            task: Some(snapshot(&found.map_err(AppError::from)?)),
        }))
    }

    async fn list_tasks(
        &self,
        request: Request<ListTasksRequest>,
    ) -> Result<Response<ListTasksResponse>, Status> {
        let (_, mut request) = admit(request, "TASK", |_| "*", "READ")?;
        let mut violations = Violations::default();
        let paging = Paging::take(&mut request, &mut violations)?;
        let subtasks = with_subtasks(request.view, false, &mut violations);
        // Every task is of this type so far.
        let of_type = match TaskType::try_from(request.r#type) {
            Ok(wanted) => matches!(wanted, TaskType::Unspecified | TaskType::Manual),
            Err(unknown) => {
                violations.add("type", no_such_value(unknown));
                false
            }
        };
        let filter = TaskFilter {
            statuses: statuses(&request.statuses, filter_status, &mut violations),
            name: keyword("name", request.name, &mut violations),
            cluster: request.cluster_id.map(ClusterId),
            cluster_name: keyword("cluster_name", request.cluster_name, &mut violations),
        };
        violations.into_result()?;
        let listed = if of_type {
            let listed = self.app.store.tasks(&filter, paging.page, subtasks).await;
            listed.map_err(AppError::from)?
        } else {
            Listed {
                items: Vec::new(),
                total: 0,
            }
        };
        Ok(Response::new(ListTasksResponse {
            next_page_token: paging.next_token(listed.items.len(), listed.total),
            tasks: listed.items.iter().map(snapshot).collect(),
            total_size: i64::try_from(listed.total).unwrap_or(i64::MAX),
        }))
    }

    type WatchTaskStream = BoxStream<'static, Result<WatchTaskResponse, Status>>;

    async fn watch_task(
        &self,
        request: Request<WatchTaskRequest>,
    ) -> Result<Response<Self::WatchTaskStream>, Status> {
        let (_, request) = admit(request, "TASK", |request| request.task_id, "READ")?;
        let task = TaskId(request.task_id);
        let (store, drain) = (self.app.store.clone(), self.drain.clone());
        let watch = Watch::begin(store, task, request.after_revision, drain).await?;
        Ok(Response::new(watch.into_stream()))
    }

    async fn get_subtask_log(
        &self,
        request: Request<GetSubtaskLogRequest>,
    ) -> Result<Response<GetSubtaskLogResponse>, Status> {
        let (_, request) = admit(request, "TASK", |request| request.task_id, "READ")?;
        let (task, subtask) = (TaskId(request.task_id), SubtaskId(request.subtask_id));
        let log = app::subtask_log(&self.app, task, subtask).await?;
        Ok(Response::new(GetSubtaskLogResponse { log }))
    }
}
