//! The statements of the checks, and what in their answers speaks against a stop.
//!
//! An engine that lacks a view answers with an error, and then the check is not made; so nothing here depends on
//! an engine's version beyond its line.
//!
//! What nobody has asked since a server started costs it far more than the rows do: some 30 ms of a processor for a
//! view of an engine of one node, a tenth of it for the table that the view reads. So questions about one thing
//! share one statement, and those engines are asked for tables.

use slacktide_engine::finding::FindingClass::{self, Block, Warn};

use super::rows;
use crate::sql::Cells;

/// A check that is made by asking the database.
pub(super) struct SqlCheck {
    pub(super) check: i32,
    pub(super) name: &'static str,
    /// Its weight where no statement has found anything.
    pub(super) class: FindingClass,
    /// For a cluster of the 4.x line.
    pub(super) v4: &'static [Question],
    /// For one of the 3.x line.
    pub(super) v3: &'static [Question],
    /// For an engine of one node.
    pub(super) single: &'static [Question],
}

/// What one statement of a check is asked for.
pub(super) struct Question {
    /// The weight of what it finds.
    pub(super) class: FindingClass,
    /// What stands before the findings.
    pub(super) about: &'static str,
    /// Sent once to a server, however many questions it answers.
    pub(super) query: &'static str,
    /// What the rows of the answer say against a stop; nothing if nothing.
    pub(super) found: fn(&[Cells]) -> Vec<String>,
}

/// A question of which each row that the statement returns is a finding.
const fn ask(class: FindingClass, about: &'static str, query: &'static str) -> Question {
    read(class, about, query, rows::all)
}

const fn read(
    class: FindingClass,
    about: &'static str,
    query: &'static str,
    found: fn(&[Cells]) -> Vec<String>,
) -> Question {
    Question {
        class,
        about,
        query,
        found,
    }
}

const COMPACTION_V4: &str = "SELECT TENANT_ID, STATUS, IS_ERROR \
                FROM oceanbase.CDB_OB_MAJOR_COMPACTION \
                WHERE IS_ERROR = 'YES' OR STATUS IN ('COMPACTING', 'VERIFYING')";
const COMPACTION_V3: &str = "SELECT zone, info \
                FROM oceanbase.__all_zone \
                WHERE name = 'merge_status' AND info IN ('ERROR', 'TIMEOUT', 'MERGING')";
const COMPACTION_SINGLE: &str = "SELECT \
                CASE MERGE_STATUS WHEN 1 THEN 'COMPACTING' WHEN 2 THEN 'VERIFYING' ELSE 'IDLE' END, \
                CASE IS_MERGE_ERROR WHEN 0 THEN 'NO' ELSE 'YES' END \
                FROM oceanbase.__all_virtual_merge_info";
const TENANTS_V4: &str =
    "SELECT TENANT_NAME, STATUS, PREVIOUS_LOCALITY FROM oceanbase.DBA_OB_TENANTS";
const TENANTS_V3: &str =
    "SELECT tenant_name, status, previous_locality FROM oceanbase.__all_tenant";
/// Sessions and their transactions; this one is not of interest to itself.
const SESSIONS_SINGLE: &str = "SELECT USER, COMMAND, TRANS_STATE, COUNT(*) \
                FROM oceanbase.__all_virtual_processlist \
                WHERE ID <> CONNECTION_ID() \
                GROUP BY USER, COMMAND, TRANS_STATE";

/// All checks of this kind, in order.
pub(super) const SQL_CHECKS: [SqlCheck; 7] = [
    SqlCheck {
        check: 3,
        name: "servers being added or deleted",
        class: Block,
        v4: &[
            ask(
                Block,
                "being deleted",
                "SELECT SVR_IP, SVR_PORT \
                FROM oceanbase.DBA_OB_SERVERS \
                WHERE STATUS = 'DELETING'",
            ),
            ask(
                Block,
                "job in progress",
                "SELECT JOB_TYPE, JOB_ID \
                FROM oceanbase.DBA_OB_SERVER_JOBS \
                WHERE JOB_STATUS = 'INPROGRESS'",
            ),
        ],
        v3: &[ask(
            Block,
            "being deleted",
            "SELECT svr_ip, svr_port \
                FROM oceanbase.__all_server \
                WHERE status = 'deleting'",
        )],
        single: &[],
    },
    SqlCheck {
        check: 6,
        name: "major compaction",
        class: Warn,
        v4: &[
            read(Block, "failed for tenant", COMPACTION_V4, rows::failed),
            read(
                Warn,
                "runs for tenant, resumes after a start",
                COMPACTION_V4,
                rows::compacting,
            ),
        ],
        v3: &[
            read(Block, "failed in", COMPACTION_V3, rows::failed_v3),
            read(
                Warn,
                "runs in, resumes after a start",
                COMPACTION_V3,
                rows::merging_v3,
            ),
        ],
        single: &[
            read(Block, "failed", COMPACTION_SINGLE, rows::failed),
            read(
                Warn,
                "runs, resumes after a start",
                COMPACTION_SINGLE,
                rows::compacting,
            ),
        ],
    },
    SqlCheck {
        check: 7,
        name: "data backup",
        class: Block,
        v4: &[
            ask(
                Block,
                "backup of tenant, job",
                "SELECT TENANT_ID, JOB_ID, STATUS \
                FROM oceanbase.CDB_OB_BACKUP_JOBS",
            ),
            ask(
                Block,
                "deletion of a backup of tenant, job",
                "SELECT TENANT_ID, JOB_ID, STATUS \
                FROM oceanbase.CDB_OB_BACKUP_DELETE_JOBS",
            ),
        ],
        v3: &[ask(
            Block,
            "backup of tenant",
            "SELECT TENANT_ID, STATUS \
                FROM oceanbase.CDB_OB_BACKUP_PROGRESS \
                WHERE STATUS <> 'STOP'",
        )],
        single: &[ask(
            Block,
            "backup of tenant, job",
            "SELECT TENANT_ID, JOB_ID, STATUS \
                FROM oceanbase.CDB_OB_BACKUP_JOBS",
        )],
    },
    SqlCheck {
        check: 10,
        name: "jobs on tenants",
        class: Block,
        v4: &[ask(
            Block,
            "in progress",
            "SELECT JOB_TYPE, JOB_ID, TENANT_ID \
                FROM oceanbase.DBA_OB_TENANT_JOBS \
                WHERE JOB_STATUS = 'INPROGRESS'",
        )],
        v3: &[ask(
            Block,
            "in progress",
            "SELECT job_type, job_id \
                FROM oceanbase.__all_rootservice_job \
                WHERE job_status = 'INPROGRESS'",
        )],
        single: &[ask(
            Block,
            "in progress",
            "SELECT JOB_TYPE, JOB_ID \
                FROM oceanbase.__all_virtual_rootservice_job \
                WHERE JOB_STATUS = 'INPROGRESS'",
        )],
    },
    SqlCheck {
        check: 13,
        name: "tenants",
        class: Block,
        v4: &[
            read(Block, "not normal", TENANTS_V4, rows::not_normal),
            read(Block, "locality is changing", TENANTS_V4, rows::moving),
            // Of its own: the first versions of the line lack the column.
            ask(
                Block,
                "switching over",
                "SELECT TENANT_NAME, SWITCHOVER_STATUS \
                FROM oceanbase.DBA_OB_TENANTS \
                WHERE SWITCHOVER_STATUS <> 'NORMAL'",
            ),
        ],
        v3: &[
            read(Block, "not normal", TENANTS_V3, rows::not_normal),
            read(Block, "locality is changing", TENANTS_V3, rows::moving),
        ],
        single: &[],
    },
    SqlCheck {
        check: 17,
        name: "sessions at work",
        class: Warn,
        v4: &[ask(
            Warn,
            "by tenant",
            "SELECT TENANT, COUNT(*) \
                FROM oceanbase.GV$OB_PROCESSLIST \
                WHERE TENANT <> 'sys' AND COMMAND NOT IN ('Sleep', 'Daemon') \
                GROUP BY TENANT ORDER BY TENANT",
        )],
        v3: &[ask(
            Warn,
            "by tenant",
            "SELECT tenant, COUNT(*) \
                FROM oceanbase.__all_virtual_processlist \
                WHERE tenant <> 'sys' AND command NOT IN ('Sleep', 'Daemon') \
                GROUP BY tenant ORDER BY tenant",
        )],
        single: &[read(Warn, "by user", SESSIONS_SINGLE, rows::busy_by_user)],
    },
    SqlCheck {
        check: 18,
        name: "open transactions",
        class: Warn,
        v4: &[
            ask(
                Warn,
                "prepared",
                "SELECT TENANT_ID, TX_ID \
                FROM oceanbase.GV$OB_TRANSACTION_PARTICIPANTS \
                WHERE STATE = 'PREPARE'",
            ),
            ask(
                Warn,
                "open for over a minute, will be rolled back, by tenant",
                "SELECT TENANT_ID, COUNT(*) \
                FROM oceanbase.GV$OB_TRANSACTION_PARTICIPANTS \
                WHERE STATE = 'ACTIVE' AND CTX_CREATE_TIME < DATE_SUB(NOW(), INTERVAL 60 SECOND) \
                GROUP BY TENANT_ID ORDER BY TENANT_ID",
            ),
        ],
        v3: &[ask(
            Warn,
            "open for over a minute, will be rolled back, by tenant",
            "SELECT tenant_id, COUNT(*) \
                FROM oceanbase.__all_virtual_trans_stat \
                WHERE ctx_create_time < DATE_SUB(NOW(), INTERVAL 60 SECOND) \
                GROUP BY tenant_id ORDER BY tenant_id",
        )],
        single: &[read(
            Warn,
            "open, will be rolled back, by state",
            SESSIONS_SINGLE,
            rows::open_by_state,
        )],
    },
];
