//! `/api/v2/tasks/instances`.

use slacktide_api::v1::{GetSubtaskLogRequest, GetTaskRequest, ListTasksRequest, TaskView};

use crate::{
    envelope::Answer,
    error::{ApiError, Fault},
    model::{
        page::Page,
        task::{BasicTask, SubtaskLog, WrappedTask},
        word,
    },
    request::{
        filter,
        list::{Paging, Sortable, order_by},
        path::Ids,
        query::Params,
        schema,
    },
    routes::Parameter,
    upstream::Rpc,
};

const SORTABLE: [Sortable; 5] = [
    ("id", "id"),
    ("name", "name"),
    ("status", "status"),
    ("createTime", "create_time"),
    ("finishTime", "finish_time"),
];

pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "page",
        about: "Number of the page. One that makes no sense is the first.",
        schema: schema::page,
    },
    Parameter {
        name: "size",
        about: "How many a page holds. One that makes no sense is the usual, one too large the largest.",
        schema: schema::size,
    },
    Parameter {
        name: "sort",
        about: "Property to sort by; by default `id,desc`.",
        schema: || schema::sort(&SORTABLE),
    },
    Parameter {
        name: "name",
        about: "Part of the name, in any case.",
        schema: schema::text,
    },
    Parameter {
        name: "status",
        about: "Statuses, separated by commas.",
        schema: || schema::any_of(&word::words(word::task_status)),
    },
    Parameter {
        name: "type",
        about: "Type of the task.",
        schema: || schema::one_of(&word::words(word::task_type)),
    },
    Parameter {
        name: "clusterId",
        about: "Id of the cluster.",
        schema: schema::long,
    },
    Parameter {
        name: "cluterName",
        about: "Part of the cluster's name, in any case. OCP documents it so.",
        schema: schema::text,
    },
    Parameter {
        name: "clusterName",
        about: "The same, rightly spelt; it goes before.",
        schema: schema::text,
    },
    Parameter {
        name: "tenantId",
        about: "Finds nothing: no task works on a tenant alone.",
        schema: schema::long,
    },
    Parameter {
        name: "tenantName",
        about: "Finds nothing: no task works on a tenant alone.",
        schema: schema::text,
    },
    Parameter {
        name: "hostId",
        about: "Finds nothing: no task works on a host alone.",
        schema: schema::long,
    },
];

/// How many subtasks a page may show: about 20 MB of JSON.
const MOST_SUBTASKS: usize = 150_000;

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
    let mut request = ListTasksRequest {
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
    };
    let mut tasks = Vec::new();
    let mut subtasks = 0;
    loop {
        // Asked even where nothing can be found: whether the caller may list tasks is the server's to say.
        let response = rpc.tasks().list_tasks(rpc.request(request.clone())).await?;
        let part = response.into_inner();
        if found_nothing {
            return Ok(Answer(Page::empty(paging)));
        }
        subtasks += part
            .tasks
            .iter()
            .map(|task| task.subtasks.len())
            .sum::<usize>();
        tasks.extend(part.tasks.into_iter().map(BasicTask::from));
        let shown = i32::try_from(tasks.len()).unwrap_or(i32::MAX);
        // The server cuts a page short whose tasks have very many subtasks.
        if part.next_page_token.is_empty() || shown >= paging.size {
            return Ok(Answer(Page::new(paging, tasks, part.total_size)));
        }
        if subtasks > MOST_SUBTASKS {
            return Err(ApiError::field("size", Fault::TooManySubtasks(subtasks)));
        }
        request.page_token = part.next_page_token;
        request.page_size = paging.size - shown;
        request.skip = 0;
    }
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
