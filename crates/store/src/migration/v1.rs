//! The first schema.

use sea_orm::{
    DbBackend,
    sea_query::{ColumnDef, Index},
};

use super::{
    Ddl,
    columns::{self, int, key, new_index, new_table, word},
};

pub(super) fn statements(backend: DbBackend) -> Vec<(&'static str, Ddl)> {
    let text = |name| columns::text(backend, name);
    let table = |name, keys: &[ColumnDef], columns: &[ColumnDef], primary: &[&'static str]| {
        table(backend, name, keys, columns, primary)
    };
    let mut statements = vec![
        (
            "v1_sequence",
            table("sequence", &[key("name")], &[int("next")], &["name"]),
        ),
        (
            "v1_user_account",
            table(
                "user_account",
                &[int("id")],
                &[
                    key("name"),
                    text("password_hash"),
                    text("roles"),
                    int("create_time"),
                    int("version"),
                ],
                &["id"],
            ),
        ),
        (
            "v1_cluster",
            table(
                "cluster",
                &[int("id")],
                &[
                    key("name"),
                    int("ob_cluster_id"),
                    word("status"),
                    text("status_reason"),
                    int("generation"),
                    int("active_task_id").null().take(),
                    text("sql_user").null().take(),
                    text("sql_password").null().take(),
                    int("create_time"),
                    int("update_time"),
                    key("creator"),
                    int("version"),
                ],
                &["id"],
            ),
        ),
        (
            "v1_zone",
            table(
                "zone",
                &[int("id")],
                &[
                    int("cluster_id"),
                    int("position"),
                    key("name"),
                    word("status"),
                    int("version"),
                ],
                &["id"],
            ),
        ),
        (
            "v1_server",
            table(
                "server",
                &[int("id")],
                &[
                    int("cluster_id"),
                    int("zone_id"),
                    int("position"),
                    key("ip"),
                    int("sql_port"),
                    int("rpc_port"),
                    word("status"),
                    text("status_reason"),
                    text("driver"),
                    key("host").null().take(),
                    key("base_dir_hash").null().take(),
                    text("process").null().take(),
                    text("launch").null().take(),
                    int("stop_time").null().take(),
                    int("update_time"),
                    int("version"),
                ],
                &["id"],
            ),
        ),
        (
            "v1_task",
            table(
                "task",
                &[int("id")],
                &[
                    word("kind"),
                    int("cluster_id"),
                    key("cluster_name"),
                    int("ob_cluster_id"),
                    int("creator_id"),
                    key("creator_name"),
                    text("context"),
                    text("options"),
                    int("generation"),
                    key("executor"),
                    key("traceparent").null().take(),
                    int("create_time"),
                    word("status"),
                    word("operation"),
                    int("start_time").null().take(),
                    int("finish_time").null().take(),
                    text("error").null().take(),
                    int("revision"),
                    int("last_time"),
                    int("total"),
                    int("successful"),
                    int("failed"),
                    int("active"),
                    int("version"),
                ],
                &["id"],
            ),
        ),
        (
            "v1_subtask",
            table(
                "subtask",
                &[int("id")],
                &[
                    int("task_id"),
                    key("kind"),
                    int("series_id"),
                    int("parallel_idx"),
                    int("zone_id").null().take(),
                    int("server_id").null().take(),
                    key("host").null().take(),
                    int("foldable"),
                    int("timeout"),
                    text("upstreams"),
                    text("downstreams"),
                    int("create_time"),
                    word("status"),
                    word("operation"),
                    int("run_time"),
                    key("executor").null().take(),
                    int("start_time").null().take(),
                    int("finish_time").null().take(),
                    text("error").null().take(),
                    int("open_upstreams"),
                    int("epoch"),
                    key("owner").null().take(),
                    int("deadline").null().take(),
                    text("intent").null().take(),
                    int("version"),
                ],
                &["id"],
            ),
        ),
        (
            "v1_task_revision",
            table(
                "task_revision",
                &[int("task_id"), int("first_revision")],
                &[int("last_revision"), text("changes")],
                &["task_id", "first_revision"],
            ),
        ),
        (
            "v1_subtask_log",
            table(
                "subtask_log",
                &[int("subtask_id"), int("epoch"), int("seq")],
                &[int("time"), text("line")],
                &["subtask_id", "epoch", "seq"],
            ),
        ),
        (
            "v1_idempotency_key",
            table(
                "idempotency_key",
                &[int("user_id"), key("rpc"), key("request_id")],
                &[key("request_hash"), int("resource_id"), int("create_time")],
                &["user_id", "rpc", "request_id"],
            ),
        ),
        (
            "v1_executor",
            table(
                "executor",
                &[key("id")],
                &[key("host"), int("counter"), int("start_time")],
                &["id"],
            ),
        ),
    ];
    statements.extend([
        unique("v1_cluster_name", "cluster", &["name"]),
        unique("v1_zone_name", "zone", &["cluster_id", "name"]),
        unique("v1_server_sql_address", "server", &["ip", "sql_port"]),
        unique("v1_server_rpc_address", "server", &["ip", "rpc_port"]),
        unique("v1_server_base_dir", "server", &["host", "base_dir_hash"]),
        unique("v1_user_account_name", "user_account", &["name"]),
        index("v1_server_cluster", "server", &["cluster_id"]),
        index("v1_task_cluster", "task", &["cluster_id"]),
        index("v1_task_status", "task", &["status"]),
        index("v1_subtask_task", "subtask", &["task_id"]),
        index("v1_subtask_status", "subtask", &["status"]),
        index(
            "v1_idempotency_key_age",
            "idempotency_key",
            &["create_time"],
        ),
    ]);
    statements
}

pub(super) fn table(
    backend: DbBackend,
    name: &'static str,
    keys: &[ColumnDef],
    columns: &[ColumnDef],
    primary: &[&'static str],
) -> Ddl {
    let mut table = new_table(backend, name);
    for column in keys.iter().chain(columns) {
        table.col(column.clone());
    }
    let mut primary_key = Index::create();
    for column in primary {
        primary_key.col(*column);
    }
    table.primary_key(&mut primary_key);
    Ddl::Table(Box::new(table))
}

fn index(name: &'static str, table: &'static str, columns: &[&'static str]) -> (&'static str, Ddl) {
    (name, Ddl::Index(Box::new(new_index(name, table, columns))))
}

pub(super) fn unique(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> (&'static str, Ddl) {
    let index = new_index(name, table, columns).unique().take();
    (name, Ddl::Index(Box::new(index)))
}
