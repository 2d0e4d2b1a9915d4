//! GetSubtaskLog.

use slacktide_api::v1 as pb;
use tonic::Code;

use crate::kit::{Kit, refused};

#[tokio::test]
async fn a_log_begins_with_its_run() {
    let kit = Kit::new().await;
    let cluster = kit.register("ob_demo", 1, 1).await;
    let task = kit.stop(cluster.id).await;
    let read = async |task_id: i64, subtask_id: i64| {
        let request = pb::GetSubtaskLogRequest {
            task_id,
            subtask_id,
        };
        let answer = kit.tasks("vera").get_subtask_log(request).await;
        answer.map(|answer| answer.into_inner().log)
    };
    let root = task.subtasks[0].id;
    assert_eq!(read(task.id, root).await.unwrap(), "", "nothing ran yet");
    kit.run(task.id, None).await;
    let log = read(task.id, root).await.unwrap();
    assert!(log.starts_with("############{EXECUTE}{"), "{log}");
    assert!(
        log.lines().next().unwrap().ends_with("}############"),
        "{log}"
    );
    assert_eq!(log.lines().count(), 2, "{log}");

    refused(
        read(task.id, root + 1000).await,
        Code::NotFound,
        "SUBTASK_NOT_FOUND",
        4001,
    );
    refused(read(7, root).await, Code::NotFound, "TASK_NOT_FOUND", 4001);
}
