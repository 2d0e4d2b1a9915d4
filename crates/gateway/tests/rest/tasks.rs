//! `/api/v2/tasks/instances`.

use prost_types::{Duration, Timestamp};
use serde_json::json;
use slacktide_api::v1::{
    Operation, Subtask, SubtaskStatus, Task, TaskCluster, TaskCreator, TaskStatus, TaskType,
    TaskView,
};

use crate::{
    scripted::Script,
    support::{Rest, assert_keys_sorted, millis},
};

const LIST: &str = "/api/v2/tasks/instances";

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

/// The stop of 3,000 servers, each of which says at length why it failed.
#[tokio::test]
async fn a_task_of_9_012_subtasks_passes_though_grpc_takes_4_mib_by_itself() {
    let failed = Subtask {
        error: "this server did not end: ".repeat(20),
        ..task().subtasks.remove(0)
    };
    let large = Task {
        subtasks: vec![failed; 9_012],
        ..task()
    };
    let reasons: usize = large.subtasks.iter().map(|s| s.error.len()).sum();
    assert!(reasons > 4 * 1024 * 1024);
    let rest = Rest::new(Script {
        task: large,
        ..Script::default()
    });

    let answer = rest.get("/api/v2/tasks/instances/7").await;

    let data = answer.data();
    assert_eq!(data["subtasks"].as_array().unwrap().len(), 9_012);
}

pub(crate) fn task() -> Task {
    Task {
        id: 7,
        name: "Stop OB cluster".to_owned(),
        status: TaskStatus::Failed.into(),
        operation: Operation::Retry.into(),
        r#type: TaskType::Manual.into(),
        cluster: Some(TaskCluster {
            id: 21,
            name: "ob_demo".to_owned(),
            ob_cluster_id: 22,
        }),
        creator: Some(TaskCreator {
            id: 100,
            name: "admin".to_owned(),
        }),
        executor: "db1".to_owned(),
        task_definition_id: -1,
        create_time: at(10),
        start_time: at(11),
        finish_time: at(12),
        subtasks: vec![
            Subtask {
                id: 70,
                name: "Prepare stop cluster".to_owned(),
                description: "Prepare stop cluster".to_owned(),
                status: SubtaskStatus::Failed.into(),
                operation: Operation::Execute.into(),
                executor: "db1".to_owned(),
                run_time: 1,
                timeout: Some(Duration {
                    seconds: 300,
                    nanos: 0,
                }),
                parallel_idx: -1,
                node_type: "JAVA_TASK".to_owned(),
                create_time: at(10),
                start_time: at(11),
                finish_time: at(12),
                downstreams: vec![71],
                ..Subtask::default()
            },
            Subtask {
                id: 71,
                name: "Wait node".to_owned(),
                description: "Wait node".to_owned(),
                status: SubtaskStatus::Pending.into(),
                operation: Operation::Execute.into(),
                series_id: 1,
                run_time: 1,
                parallel_idx: -1,
                node_type: "JAVA_TASK".to_owned(),
                create_time: at(10),
                upstreams: vec![70],
                ..Subtask::default()
            },
        ],
        ..Task::default()
    }
}

fn rest() -> Rest {
    Rest::new(Script {
        task: task(),
        total_size: 21,
        log: "line 1\nline 2".to_owned(),
        ..Script::default()
    })
}

#[tokio::test]
async fn one_task_is_a_wrapped_task_instance() {
    let rest = rest();
    let answer = rest.get("/api/v2/tasks/instances/7").await;
    assert_keys_sorted(&answer.body);
    let mut data = answer.data();
    assert_eq!(millis(&data["createTime"].take()), 10_000);
    assert_eq!(millis(&data["startTime"].take()), 11_000);
    assert_eq!(millis(&data["finishTime"].take()), 12_000);
    for time in ["createTime", "startTime", "finishTime"] {
        data["subtasks"][0][time].take();
    }
    data["subtasks"][1]["createTime"].take();
    assert_eq!(
        data,
        json!({
            "cluster": {"id": 21, "name": "ob_demo", "obClusterId": 22, "type": "PRIMARY"},
            "createTime": null,
            "creator": {"id": 100, "name": "admin"},
            "executor": "db1",
            "finishTime": null,
            "id": 7,
            "name": "Stop OB cluster",
            "operation": "RETRY",
            "prohibitRollback": false,
            "startTime": null,
            "status": "FAILED",
            "subtasks": [
                {
                    "createTime": null, "description": "Prepare stop cluster", "downstreams": [71],
                    "executor": "db1", "finishTime": null, "id": 70, "name": "Prepare stop cluster",
                    "nodeType": "JAVA_TASK", "operation": "EXECUTE", "parallelIdx": -1,
                    "prohibitRollback": false, "runTime": 1, "seriesId": 0, "startTime": null,
                    "status": "FAILED", "timeout": 300, "upstreams": [],
                },
                {
                    "createTime": null, "description": "Wait node", "downstreams": [], "id": 71,
                    "name": "Wait node", "nodeType": "JAVA_TASK", "operation": "EXECUTE",
                    "parallelIdx": -1, "prohibitRollback": false, "runTime": 1, "seriesId": 1,
                    "status": "PENDING", "upstreams": [70],
                },
            ],
            "taskDefinitionId": -1,
            "type": "MANUAL",
        })
    );
    let asked = rest.server.seen().get_task.take().unwrap();
    assert_eq!((asked.id, asked.view()), (7, TaskView::Full));
}

#[tokio::test]
async fn the_list_holds_basic_task_instances() {
    let answer = rest().get(LIST).await;
    assert_keys_sorted(&answer.body);
    let mut data = answer.data();
    assert_eq!(millis(&data["contents"][0]["startTime"].take()), 11_000);
    assert_eq!(millis(&data["contents"][0]["finishTime"].take()), 12_000);
    assert_eq!(
        data,
        json!({
            "contents": [{
                "cluster": {"id": 21, "name": "ob_demo", "obClusterId": 22, "type": "PRIMARY"},
                "creator": {"id": 100, "name": "admin"},
                "finishTime": null,
                "id": 7,
                "name": "Stop OB cluster",
                "startTime": null,
                "status": "FAILED",
                "subtasks": [
                    {"description": "Prepare stop cluster", "id": 70, "name": "Prepare stop cluster",
                     "operation": "EXECUTE", "status": "FAILED"},
                    {"description": "Wait node", "id": 71, "name": "Wait node",
                     "operation": "EXECUTE", "status": "PENDING"},
                ],
            }],
            "page": {"number": 1, "size": 10, "totalElements": 21, "totalPages": 3},
        })
    );
}

#[tokio::test]
async fn the_lists_parameters_reach_the_server() {
    let rest = rest();
    let query = "name=stop&status=FAILED,RUNNING&type=MANUAL&cluterName=demo&clusterId=21\
                 &page=3&size=20&sort=createTime,desc";
    let data = rest.get(&format!("{LIST}?{query}")).await.data();
    assert_eq!(
        data["page"],
        json!({"number": 3, "size": 20, "totalElements": 21, "totalPages": 2})
    );

    let asked = rest.server.seen().list_tasks.take().unwrap();
    assert_eq!(asked.name, "stop");
    let statuses: [i32; 2] = [TaskStatus::Failed.into(), TaskStatus::Running.into()];
    assert_eq!(asked.statuses, statuses);
    assert_eq!(asked.r#type(), TaskType::Manual);
    assert_eq!(asked.cluster_name, "demo");
    assert_eq!(asked.cluster_id, Some(21));
    assert_eq!((asked.skip, asked.page_size), (40, 20));
    assert_eq!(asked.order_by, "create_time desc");
    assert_eq!(asked.view(), TaskView::Full);
}

#[tokio::test]
async fn a_page_that_the_server_cuts_short_is_made_whole() {
    let rest = Rest::new(Script {
        task: task(),
        total_size: 2,
        cut: true,
        ..Script::default()
    });
    let data = rest.get(&format!("{LIST}?page=2&size=5")).await.data();
    assert_eq!(data["contents"].as_array().unwrap().len(), 2);
    let last = rest.server.seen().list_tasks.take().unwrap();
    assert_eq!(
        (&*last.page_token, last.page_size, last.skip),
        ("more", 4, 0)
    );

    let data = rest.get(&format!("{LIST}?size=1")).await.data();
    assert_eq!(data["contents"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_cluster_name_is_taken_in_both_spellings() {
    for query in ["clusterName=demo", "cluterName=demo"] {
        let rest = rest();
        rest.get(&format!("{LIST}?{query}")).await.data();
        let asked = rest.server.seen().list_tasks.take().unwrap();
        assert_eq!(asked.cluster_name, "demo", "{query}");
    }
}

#[tokio::test]
async fn no_task_belongs_to_a_tenant_or_a_host() {
    for query in ["tenantId=1", "hostId=1", "tenantName=sys"] {
        let data = rest()
            .get(&format!("{LIST}?{query}&page=2&size=5"))
            .await
            .data();
        assert_eq!(
            data,
            json!({
                "contents": [],
                "page": {"number": 2, "size": 5, "totalElements": 0, "totalPages": 0},
            }),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_subtasks_log_is_one_text() {
    let rest = rest();
    let data = rest
        .get("/api/v2/tasks/instances/7/subtasks/70/log")
        .await
        .data();
    assert_eq!(data, json!({"log": "line 1\nline 2"}));
    let asked = rest.server.seen().log.take().unwrap();
    assert_eq!((asked.task_id, asked.subtask_id), (7, 70));
}
