//! `/api/v2/tasks/instances`.

use slacktide_api::v1::{GetSubtaskLogRequest, GetTaskRequest, ListTasksRequest, TaskView};

use crate::{
    envelope::Answer,
    error::ApiError,
    model::{
        page::Page,
        task::{BasicTask, SubtaskLog, WrappedTask},
    },
    request::{
        filter,
        list::{Paging, Sortable, order_by},
        path::Ids,
        query::Params,
    },
    upstream::Rpc,
};

const SORTABLE: [Sortable; 5] = [
    ("id", "id"),
    ("name", "name"),
    ("status", "status"),
    ("createTime", "create_time"),
    ("finishTime", "finish_time"),
];

pub(crate) async fn list(rpc: Rpc, params: Params) -> Result<Answer<Page<BasicTask>>, ApiError> {
    let paging = Paging::of(&params);
    // No task here works on a tenant or a host alone.
    let found_nothing = params.long("tenantId")?.is_some()
        | params.long("hostId")?.is_some()
        | params.first("tenantName").is_some();
    let view = if found_nothing {
        TaskView::Basic
    } else {
        TaskView::Full
    };
    // OCP documents the misspelled parameter; clients send either.
    let cluster_name = params.first("clusterName").or(params.first("cluterName"));
    let request = rpc.request(ListTasksRequest {
        page_size: paging.size,
        skip: paging.skip(),
        order_by: order_by(&params, &SORTABLE)?,
        view: view.into(),
        name: params.first("name").unwrap_or_default().to_owned(),
        statuses: filter::task_statuses(&params)?,
        r#type: filter::task_type(&params)?,
        cluster_id: params.long("clusterId")?,
        cluster_name: cluster_name.unwrap_or_default().to_owned(),
        ..ListTasksRequest::default()
    });
    // Asked even where nothing can be found: whether the caller may list tasks is the server's to say.
    let response = rpc.tasks().list_tasks(request).await?.into_inner();
    if found_nothing {
        return Ok(Answer(Page::empty(paging)));
    }
    let tasks = response.tasks.into_iter().map(BasicTask::from).collect();
    Ok(Answer(Page::new(paging, tasks, response.total_size)))
}

pub(crate) async fn get(rpc: Rpc, Ids([id]): Ids<1>) -> Result<Answer<WrappedTask>, ApiError> {
    let request = rpc.request(GetTaskRequest {
        id,
        view: TaskView::Full.into(),
    });
    let response = rpc.tasks().get_task(request).await?.into_inner();
    let task = response.task.ok_or_else(ApiError::internal)?;
    Ok(Answer(task.into()))
}

pub(crate) async fn log(
    rpc: Rpc,
    Ids([task_id, subtask_id]): Ids<2>,
) -> Result<Answer<SubtaskLog>, ApiError> {
    let request = rpc.request(GetSubtaskLogRequest {
        task_id,
        subtask_id,
    });
    let response = rpc.tasks().get_subtask_log(request).await?.into_inner();
    Ok(Answer(SubtaskLog { log: response.log }))
}
