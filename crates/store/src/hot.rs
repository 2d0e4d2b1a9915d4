//! The statements of the hot path, in SQLite's dialect: fixed texts whose rows come as one JSON array, so that a
//! commit is a handful of statements whatever its size. A statement costs far more than a row.

pub(crate) const LOCK_TASK: &str =
    "UPDATE task SET version = version + 1 WHERE id = ? AND status = 'RUNNING'";

/// All of a task but its context, which grows with the cluster.
pub(crate) const SELECT_TASK: &str = "SELECT id, kind, cluster_id, cluster_name, ob_cluster_id, creator_id, \
     creator_name, '' AS context, options, generation, executor, traceparent, create_time, status, operation, \
     start_time, finish_time, error, revision, last_time, total, successful, failed, active, version \
     FROM task WHERE id = ?";

pub(crate) const UPDATE_TASK: &str = "UPDATE task SET status = ?, operation = ?, start_time = ?, \
     finish_time = ?, error = ?, revision = ?, last_time = ?, successful = ?, failed = ?, active = ? WHERE id = ?";

pub(crate) const SELECT_SUBTASKS: &str =
    "SELECT * FROM subtask WHERE id IN (SELECT value FROM json_each(?)) AND task_id = ?";

pub(crate) const INSERT_SUBTASKS: &str = "INSERT INTO subtask (id, task_id, kind, series_id, parallel_idx, zone_id, \
     server_id, host, foldable, timeout, upstreams, downstreams, create_time, status, operation, run_time, \
     open_upstreams, epoch, version) \
     SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, \
     value->>9, value->>10, value->>11, value->>12, value->>13, value->>14, value->>15, value->>16, 0, 0 \
     FROM json_each(?)";

/// Guarded by the version that was read in the same transaction: the row of another run has another one.
pub(crate) const UPDATE_SUBTASKS: &str = "UPDATE subtask SET status = new.value->>2, operation = new.value->>3, \
     run_time = new.value->>4, executor = new.value->>5, start_time = new.value->>6, finish_time = new.value->>7, \
     error = new.value->>8, open_upstreams = new.value->>9, epoch = new.value->>10, owner = new.value->>11, \
     deadline = new.value->>12, intent = new.value->>13, version = subtask.version + 1 \
     FROM json_each(?) AS new \
     WHERE subtask.id = new.value->>0 AND subtask.version = new.value->>1";

pub(crate) const INSERT_REVISIONS: &str = "INSERT INTO task_revision (task_id, first_revision, last_revision, changes) VALUES (?, ?, ?, ?)";

pub(crate) const SELECT_REVISIONS: &str = "SELECT changes FROM task_revision \
     WHERE task_id = ? AND last_revision > ? ORDER BY first_revision LIMIT ?";

pub(crate) const INSERT_LOG: &str = "INSERT INTO subtask_log (subtask_id, epoch, seq, time, line) \
     SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(?)";

pub(crate) const SELECT_LOG: &str =
    "SELECT epoch, seq, time, line FROM subtask_log WHERE subtask_id = ? ORDER BY epoch, seq";

pub(crate) const UPDATE_SERVERS: &str = "UPDATE server SET status = new.value->>1, status_reason = new.value->>2, \
     stop_time = COALESCE(new.value->>3, stop_time), update_time = new.value->>4, version = server.version + 1 \
     FROM json_each(?) AS new WHERE server.id = new.value->>0";

pub(crate) const UPDATE_ZONES: &str = "UPDATE zone SET status = new.value->>1, version = zone.version + 1 \
     FROM json_each(?) AS new WHERE zone.id = new.value->>0";

pub(crate) const JOURNAL_SERVER: &str = "UPDATE server SET process = ?, launch = COALESCE(?, launch), \
     version = version + 1 WHERE id = ?";

/// Only the task that holds the cluster may change it.
pub(crate) const UPDATE_CLUSTER: &str = "UPDATE cluster SET status = ?, status_reason = ?, update_time = ?, \
     version = version + 1 WHERE id = ? AND active_task_id = ? AND generation = ?";

pub(crate) const RELEASE_CLUSTER: &str = "UPDATE cluster SET active_task_id = NULL, version = version + 1 \
     WHERE id = ? AND active_task_id = ? AND generation = ?";

pub(crate) const HOLD_CLUSTER: &str = "UPDATE cluster SET status = ?, status_reason = '', active_task_id = ?, \
     generation = generation + 1, update_time = ?, version = version + 1 \
     WHERE id = ? AND generation = ? AND active_task_id IS NULL AND status IN ('RUNNING', 'UNAVAILABLE')";
