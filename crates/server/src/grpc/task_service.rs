//! `slacktide.v1.TaskService`.

use slacktide_api::v1::{self as pb, TaskType, task_service_server::TaskService};
use slacktide_engine::id::{ClusterId, SubtaskId, TaskId};
use slacktide_store::{Listed, TaskFilter};
use tonic::{Request, Response, Status};

use super::{
    Api, admit,
    convert::{
        keyword, no_such_value, statuses,
        task::{filter_status, snapshot, with_subtasks},
    },
    download::download,
    page::Paging,
    stream::Told,
    task_command::{command_subtask, command_task},
    watch::{watch_log, watch_task, watch_tasks},
};
use crate::app::{self, AppError, Violations};

#[tonic::async_trait]
impl TaskService for Api {
    async fn get_task(
        &self,
        request: Request<pb::GetTaskRequest>,
    ) -> Result<Response<pb::GetTaskResponse>, Status> {
        let (_, request) = admit(self, request).await?;
        let mut violations = Violations::default();
        let subtasks = with_subtasks(request.view, true, &mut violations);
        violations.into_result()?;
        let found = self.app.store.task(TaskId(request.id), subtasks).await;
        Ok(Response::new(pb::GetTaskResponse {
            task: Some(snapshot(&found.map_err(AppError::from)?)),
        }))
    }

    async fn list_tasks(
        &self,
        request: Request<pb::ListTasksRequest>,
    ) -> Result<Response<pb::ListTasksResponse>, Status> {
        let (caller, mut request) = admit(self, request).await?;
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
            only: caller.visible_tasks(),
        };
        violations.into_result()?;
        let listed = if of_type {
            app::list_tasks(&self.app.store, &filter, paging.page, subtasks).await?
        } else {
            Listed {
                items: Vec::new(),
                total: 0,
            }
        };
        Ok(Response::new(pb::ListTasksResponse {
            next_page_token: paging.next_token(listed.items.len(), listed.total),
            tasks: listed.items.iter().map(snapshot).collect(),
            total_size: i64::try_from(listed.total).unwrap_or(i64::MAX),
        }))
    }

    async fn get_subtask_log(
        &self,
        request: Request<pb::GetSubtaskLogRequest>,
    ) -> Result<Response<pb::GetSubtaskLogResponse>, Status> {
        let (_, request) = admit(self, request).await?;
        let (task, subtask) = (TaskId(request.task_id), SubtaskId(request.subtask_id));
        let log = app::subtask_log(&self.app, task, subtask).await?;
        Ok(Response::new(pb::GetSubtaskLogResponse { log }))
    }

    type WatchTaskStream = Told<pb::WatchTaskResponse>;

    async fn watch_task(
        &self,
        request: Request<pb::WatchTaskRequest>,
    ) -> Result<Response<Self::WatchTaskStream>, Status> {
        let (_, request) = admit(self, request).await?;
        let task = TaskId(request.task_id);
        let stream = watch_task(&self.feeds, task, request.after_revision).await?;
        Ok(Response::new(stream))
    }

    type WatchSubtaskLogStream = Told<pb::WatchSubtaskLogResponse>;

    async fn watch_subtask_log(
        &self,
        request: Request<pb::WatchSubtaskLogRequest>,
    ) -> Result<Response<Self::WatchSubtaskLogStream>, Status> {
        let (_, request) = admit(self, request).await?;
        let (task, subtask) = (TaskId(request.task_id), SubtaskId(request.subtask_id));
        let stream = watch_log(&self.app.store, &self.drain, task, subtask).await?;
        Ok(Response::new(stream))
    }

    type WatchTasksStream = Told<pb::WatchTasksResponse>;

    async fn watch_tasks(
        &self,
        request: Request<pb::WatchTasksRequest>,
    ) -> Result<Response<Self::WatchTasksStream>, Status> {
        let (caller, request) = admit(self, request).await?;
        let cluster = request.cluster_id.map(ClusterId);
        let stream = watch_tasks(&self.all_tasks, cluster, caller).await?;
        Ok(Response::new(stream))
    }

    type DownloadDiagnosisStream = Told<pb::DownloadDiagnosisResponse>;

    async fn download_diagnosis(
        &self,
        request: Request<pb::DownloadDiagnosisRequest>,
    ) -> Result<Response<Self::DownloadDiagnosisStream>, Status> {
        let (_, request) = admit(self, request).await?;
        let stream = download(&self.app.store, TaskId(request.task_id)).await?;
        Ok(Response::new(stream))
    }

    async fn retry_task(
        &self,
        request: Request<pb::RetryTaskRequest>,
    ) -> Result<Response<pb::RetryTaskResponse>, Status> {
        let task = Some(command_task(self, request).await?);
        Ok(Response::new(pb::RetryTaskResponse { task }))
    }

    async fn rollback_task(
        &self,
        request: Request<pb::RollbackTaskRequest>,
    ) -> Result<Response<pb::RollbackTaskResponse>, Status> {
        let task = Some(command_task(self, request).await?);
        Ok(Response::new(pb::RollbackTaskResponse { task }))
    }

    async fn cancel_task(
        &self,
        request: Request<pb::CancelTaskRequest>,
    ) -> Result<Response<pb::CancelTaskResponse>, Status> {
        let task = Some(command_task(self, request).await?);
        Ok(Response::new(pb::CancelTaskResponse { task }))
    }

    async fn retry_subtask(
        &self,
        request: Request<pb::RetrySubtaskRequest>,
    ) -> Result<Response<pb::RetrySubtaskResponse>, Status> {
        let subtask = Some(command_subtask(self, request).await?);
        Ok(Response::new(pb::RetrySubtaskResponse { subtask }))
    }

    async fn skip_subtask(
        &self,
        request: Request<pb::SkipSubtaskRequest>,
    ) -> Result<Response<pb::SkipSubtaskResponse>, Status> {
        let subtask = Some(command_subtask(self, request).await?);
        Ok(Response::new(pb::SkipSubtaskResponse { subtask }))
    }

    async fn cancel_subtask(
        &self,
        request: Request<pb::CancelSubtaskRequest>,
    ) -> Result<Response<pb::CancelSubtaskResponse>, Status> {
        let subtask = Some(command_subtask(self, request).await?);
        Ok(Response::new(pb::CancelSubtaskResponse { subtask }))
    }
}
