//! What the complete task engine needs beside the first schema: retries, kernel errors, labels, zone and server
//! operations; and an index by which old tasks are found.

use super::{
    Ddl, add_column,
    columns::{int, key, new_index},
};

pub(super) fn statements() -> Vec<(&'static str, Ddl)> {
    let nullable = |name| int(name).null().take();
    let zero = |name| int(name).default(0).take();
    let empty = |name| key(name).default("").take();
    vec![
        (
            "v2_subtask_not_before",
            add_column("subtask", nullable("not_before")),
        ),
        (
            "v2_subtask_auto_retries",
            add_column("subtask", zero("auto_retries")),
        ),
        (
            "v2_subtask_selector",
            add_column("subtask", empty("selector")),
        ),
        ("v2_subtask_code", add_column("subtask", nullable("code"))),
        ("v2_task_zone_id", add_column("task", nullable("zone_id"))),
        (
            "v2_task_server_id",
            add_column("task", nullable("server_id")),
        ),
        ("v2_task_running", add_column("task", zero("running"))),
        (
            "v2_task_running_counted",
            Ddl::Fill(
                "UPDATE task SET running = (SELECT COUNT(*) FROM subtask \
                 WHERE subtask.task_id = task.id AND subtask.status IN ('RUNNING', 'CANCELING'))",
            ),
        ),
        (
            "v2_cluster_selector",
            add_column("cluster", empty("selector")),
        ),
        (
            "v2_executor_labels",
            add_column("executor", empty("labels")),
        ),
        (
            "v2_executor_capacity",
            add_column("executor", zero("capacity")),
        ),
        (
            "v2_task_finished",
            Ddl::Index(Box::new(new_index(
                "v2_task_finished",
                "task",
                &["status", "finish_time"],
            ))),
        ),
    ]
}
