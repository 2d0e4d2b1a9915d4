//! The statements of the hot path: fixed texts whose rows come as one JSON array of arrays, so that a commit is
//! a handful of statements whatever its size. A statement costs far more than a row.
//!
//! They are written once; a dialect says how it reads the rows, and how a row of a table is found by them. In
//! the texts, `new` is what came as JSON.

mod mysql;
mod postgres;
mod sqlite;

use std::sync::OnceLock;

use sea_orm::DbBackend;

/// A column of the rows that come as JSON, by its place in them.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    Int(&'static str),
    Text(&'static str),
}

use Column::{Int, Text};

impl Column {
    fn name(self) -> &'static str {
        match self {
            Int(name) | Text(name) => name,
        }
    }
}

/// How a database is spoken to.
trait Dialect {
    /// The rows as a table called `new`.
    fn rows(columns: &[Column]) -> String;

    /// Rows of `table`, by the ids in its column `key`.
    fn select(table: &str, key: &str, columns: &str) -> String;

    /// Changes the rows of `table` that fulfil `guard`. Its locks are taken in the order of the given rows.
    fn update(table: &str, columns: &[Column], set: &[(&str, &str)], guard: &str) -> String {
        let set: Vec<_> = set
            .iter()
            .map(|(column, value)| format!("{column} = {value}"))
            .collect();
        let rows = Self::rows(columns);
        format!(
            "UPDATE {table} SET {} FROM {rows} WHERE {guard}",
            set.join(", ")
        )
    }

    /// Raises the version of the rows of `task` that have the given one, or any where none is given, and thus locks
    /// them, in the order of their ids.
    fn lock_tasks() -> String {
        let set = [("version", "task.version + 1")];
        Self::update("task", &LOCK, &set, IS_AS_KNOWN)
    }
}

const LOCK: [Column; 2] = [Int("id"), Int("version")];
const IS_AS_KNOWN: &str =
    "task.id = new.id AND (new.version IS NULL OR task.version = new.version)";
const IDS: [Column; 1] = [Int("id")];

/// All of a subtask, by name: a text with `*` would have to be prepared anew after a migration.
pub(crate) const SUBTASK_COLUMNS: &str = "subtask.id, subtask.task_id, subtask.kind, subtask.series_id, \
     subtask.parallel_idx, subtask.zone_id, subtask.server_id, subtask.host, subtask.selector, subtask.foldable, \
     subtask.timeout, subtask.upstreams, subtask.downstreams, subtask.create_time, subtask.status, \
     subtask.operation, subtask.run_time, subtask.executor, subtask.start_time, subtask.finish_time, \
     subtask.error, subtask.code, subtask.open_upstreams, subtask.epoch, subtask.owner, subtask.deadline, \
     subtask.not_before, subtask.auto_retries, subtask.intent, subtask.version";

/// All of a task but its context, which grows with the cluster and which no commit needs.
const TASK_COLUMNS: &str = "task.id, task.kind, task.cluster_id, task.cluster_name, task.ob_cluster_id, \
     task.zone_id, task.server_id, task.creator_id, task.creator_name, '' AS context, task.options, \
     task.generation, task.executor, task.traceparent, task.create_time, task.status, task.operation, \
     task.start_time, task.finish_time, task.error, task.revision, task.last_time, task.total, task.successful, \
     task.failed, task.active, task.running, task.version";

/// All of a server, and its cluster's SQL account: not joined, for a planner might begin with the cluster.
const SERVER_COLUMNS: &str = "server.id, server.cluster_id, server.zone_id, server.position, server.ip, \
     server.sql_port, server.rpc_port, server.status, server.status_reason, server.driver, server.host, \
     server.base_dir_hash, server.process, server.launch, server.stop_time, server.update_time, server.version, \
     (SELECT sql_user FROM cluster WHERE cluster.id = server.cluster_id) AS sql_user, \
     (SELECT sql_password FROM cluster WHERE cluster.id = server.cluster_id) AS sql_password";

/// The statements, in a database's words.
pub(crate) struct Hot {
    /// By their ids, as the selects.
    pub(crate) lock_tasks: String,
    pub(crate) select_tasks: String,
    pub(crate) select_subtasks: String,
    /// With their clusters' SQL accounts.
    pub(crate) select_servers: String,
    /// The same, by the ids of their zones.
    pub(crate) select_zones_servers: String,
    pub(crate) insert_tasks: String,
    pub(crate) insert_subtasks: String,
    pub(crate) insert_revisions: String,
    pub(crate) insert_log: String,
    pub(crate) insert_keys: String,
    pub(crate) update_tasks: String,
    /// Guarded by the version that was read in the same transaction: the row of another run has another one.
    pub(crate) update_subtasks: String,
    pub(crate) update_servers: String,
    pub(crate) update_zones: String,
    /// Only the task that holds a cluster may change it or let go of it.
    pub(crate) update_clusters: String,
    /// Only a cluster that is as it was when the plan was made can be held.
    pub(crate) hold_clusters: String,
    pub(crate) journal_servers: String,
}

/// The statements for a database.
pub(crate) fn of(backend: DbBackend) -> &'static Hot {
    static SQLITE: OnceLock<Hot> = OnceLock::new();
    static POSTGRES: OnceLock<Hot> = OnceLock::new();
    static MYSQL: OnceLock<Hot> = OnceLock::new();
    match backend {
        DbBackend::Postgres => POSTGRES.get_or_init(hot::<postgres::Postgres>),
        DbBackend::MySql => MYSQL.get_or_init(hot::<mysql::Mysql>),
        _ => SQLITE.get_or_init(hot::<sqlite::Sqlite>),
    }
}

fn hot<D: Dialect>() -> Hot {
    Hot {
        lock_tasks: D::lock_tasks(),
        select_tasks: D::select("task", "id", TASK_COLUMNS),
        select_subtasks: D::select("subtask", "id", SUBTASK_COLUMNS),
        select_servers: D::select("server", "id", SERVER_COLUMNS),
        select_zones_servers: D::select("server", "zone_id", SERVER_COLUMNS),
        insert_tasks: insert::<D>("task", &TASK),
        insert_subtasks: insert::<D>("subtask", &NEW_SUBTASK),
        insert_revisions: insert::<D>("task_revision", &REVISION),
        insert_log: insert::<D>("subtask_log", &LOG_LINE),
        insert_keys: insert::<D>("idempotency_key", &KEY),
        update_tasks: update_all::<D>("task", &TASK_STATE, "task.id = new.id"),
        update_subtasks: update_all::<D>(
            "subtask",
            &SUBTASK_STATE,
            "subtask.id = new.id AND subtask.version = new.version",
        ),
        update_servers: D::update(
            "server",
            &[
                Int("id"),
                Text("status"),
                Text("reason"),
                Int("stop_time"),
                Int("time"),
            ],
            &[
                ("status", "new.status"),
                ("status_reason", "new.reason"),
                ("stop_time", "COALESCE(new.stop_time, server.stop_time)"),
                ("update_time", "new.time"),
                ("version", "server.version + 1"),
            ],
            "server.id = new.id",
        ),
        update_zones: D::update(
            "zone",
            &[Int("id"), Text("status")],
            &[("status", "new.status"), ("version", "zone.version + 1")],
            "zone.id = new.id",
        ),
        update_clusters: D::update(
            "cluster",
            &[
                Int("id"),
                Int("task"),
                Int("generation"),
                Text("status"),
                Text("reason"),
                Int("time"),
                Int("keeper"),
            ],
            &[
                ("status", "COALESCE(new.status, cluster.status)"),
                (
                    "status_reason",
                    "COALESCE(new.reason, cluster.status_reason)",
                ),
                ("update_time", "COALESCE(new.time, cluster.update_time)"),
                ("active_task_id", "new.keeper"),
                ("version", "cluster.version + 1"),
            ],
            "cluster.id = new.id AND cluster.active_task_id = new.task AND cluster.generation = new.generation",
        ),
        hold_clusters: D::update(
            "cluster",
            &[
                Int("id"),
                Int("generation"),
                Text("former"),
                Text("status"),
                Int("task"),
                Int("time"),
            ],
            &[
                ("status", "new.status"),
                ("status_reason", "''"),
                ("active_task_id", "new.task"),
                ("generation", "cluster.generation + 1"),
                ("update_time", "new.time"),
                ("version", "cluster.version + 1"),
            ],
            "cluster.id = new.id AND cluster.generation = new.generation AND cluster.status = new.former \
             AND cluster.active_task_id IS NULL",
        ),
        journal_servers: D::update(
            "server",
            &[Int("id"), Text("process"), Text("launch")],
            &[
                ("process", "new.process"),
                ("launch", "COALESCE(new.launch, server.launch)"),
                ("version", "server.version + 1"),
            ],
            "server.id = new.id",
        ),
    }
}

const TASK: [Column; 28] = [
    Int("id"),
    Text("kind"),
    Int("cluster_id"),
    Text("cluster_name"),
    Int("ob_cluster_id"),
    Int("zone_id"),
    Int("server_id"),
    Int("creator_id"),
    Text("creator_name"),
    Text("context"),
    Text("options"),
    Int("generation"),
    Text("executor"),
    Text("traceparent"),
    Int("create_time"),
    Text("status"),
    Text("operation"),
    Int("start_time"),
    Int("finish_time"),
    Text("error"),
    Int("revision"),
    Int("last_time"),
    Int("total"),
    Int("successful"),
    Int("failed"),
    Int("active"),
    Int("running"),
    Int("version"),
];

const TASK_STATE: [Column; 12] = [
    Int("id"),
    Text("status"),
    Text("operation"),
    Int("start_time"),
    Int("finish_time"),
    Text("error"),
    Int("revision"),
    Int("last_time"),
    Int("successful"),
    Int("failed"),
    Int("active"),
    Int("running"),
];

const NEW_SUBTASK: [Column; 21] = [
    Int("id"),
    Int("task_id"),
    Text("kind"),
    Int("series_id"),
    Int("parallel_idx"),
    Int("zone_id"),
    Int("server_id"),
    Text("host"),
    Text("selector"),
    Int("foldable"),
    Int("timeout"),
    Text("upstreams"),
    Text("downstreams"),
    Int("create_time"),
    Text("status"),
    Text("operation"),
    Int("run_time"),
    Int("open_upstreams"),
    Int("epoch"),
    Int("auto_retries"),
    Int("version"),
];

const SUBTASK_STATE: [Column; 17] = [
    Int("id"),
    Int("version"),
    Text("status"),
    Text("operation"),
    Int("run_time"),
    Text("executor"),
    Int("start_time"),
    Int("finish_time"),
    Text("error"),
    Int("code"),
    Int("open_upstreams"),
    Int("epoch"),
    Text("owner"),
    Int("deadline"),
    Int("not_before"),
    Int("auto_retries"),
    Text("intent"),
];

const REVISION: [Column; 4] = [
    Int("task_id"),
    Int("first_revision"),
    Int("last_revision"),
    Text("changes"),
];

const LOG_LINE: [Column; 5] = [
    Int("subtask_id"),
    Int("epoch"),
    Int("seq"),
    Int("time"),
    Text("line"),
];

const KEY: [Column; 6] = [
    Int("user_id"),
    Text("rpc"),
    Text("request_id"),
    Text("request_hash"),
    Int("resource_id"),
    Int("create_time"),
];

fn names(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
    names.join(", ")
}

fn insert<D: Dialect>(table: &str, columns: &[Column]) -> String {
    let (names, rows) = (names(columns), D::rows(columns));
    format!("INSERT INTO {table} ({names}) SELECT {names} FROM {rows}")
}

/// Sets every column that came, but for the id; the version is raised.
fn update_all<D: Dialect>(table: &str, columns: &[Column], guard: &str) -> String {
    let set: Vec<_> = columns
        .iter()
        .map(|column| column.name())
        .filter(|name| !matches!(*name, "id" | "version"))
        .map(|name| (name, format!("new.{name}")))
        .collect();
    let raised = format!("{table}.version + 1");
    let set = set.iter().map(|(name, value)| (*name, value.as_str()));
    // The lock has raised a task's version already.
    let raised = (table != "task").then_some(("version", raised.as_str()));
    let set: Vec<_> = set.chain(raised).collect();
    D::update(table, columns, &set, guard)
}
