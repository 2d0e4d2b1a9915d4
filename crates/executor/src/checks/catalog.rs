//! The statements of the checks. Each row that one returns is something that speaks against a stop.
//!
//! An engine that lacks a view answers with an error, and then the check is not made; so nothing here depends on
//! an engine's version beyond its line.

use slacktide_engine::finding::FindingClass::{self, Block, Warn};

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

/// One statement of a check.
pub(super) struct Question {
    /// The weight of what it finds.
    pub(super) class: FindingClass,
    /// What stands before the rows that it returns.
    pub(super) about: &'static str,
    pub(super) query: &'static str,
}

const fn ask(class: FindingClass, about: &'static str, query: &'static str) -> Question {
    Question {
        class,
        about,
        query,
    }
}

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
            ask(
                Block,
                "failed for tenant",
                "SELECT TENANT_ID \
                FROM oceanbase.CDB_OB_MAJOR_COMPACTION \
                WHERE IS_ERROR = 'YES'",
            ),
            ask(
                Warn,
                "runs for tenant, resumes after a start",
                "SELECT TENANT_ID, STATUS \
                FROM oceanbase.CDB_OB_MAJOR_COMPACTION \
                WHERE STATUS IN ('COMPACTING', 'VERIFYING')",
            ),
        ],
        v3: &[
            ask(
                Block,
                "failed in",
                "SELECT zone, info \
                FROM oceanbase.__all_zone \
                WHERE name = 'merge_status' AND info IN ('ERROR', 'TIMEOUT')",
            ),
            ask(
                Warn,
                "runs in, resumes after a start",
                "SELECT zone, info \
                FROM oceanbase.__all_zone \
                WHERE name = 'merge_status' AND info = 'MERGING'",
            ),
        ],
        single: &[
            ask(
                Block,
                "failed",
                "SELECT STATUS \
                FROM oceanbase.DBA_OB_MAJOR_COMPACTION \
                WHERE IS_ERROR = 'YES'",
            ),
            ask(
                Warn,
                "runs, resumes after a start",
                "SELECT STATUS \
                FROM oceanbase.DBA_OB_MAJOR_COMPACTION \
                WHERE STATUS IN ('COMPACTING', 'VERIFYING')",
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
                FROM oceanbase.DBA_OB_ROOTSERVICE_JOBS \
                WHERE JOB_STATUS = 'INPROGRESS'",
        )],
    },
    SqlCheck {
        check: 13,
        name: "tenants",
        class: Block,
        v4: &[
            ask(
                Block,
                "not normal",
                "SELECT TENANT_NAME, STATUS \
                FROM oceanbase.DBA_OB_TENANTS \
                WHERE STATUS <> 'NORMAL'",
            ),
            ask(
                Block,
                "locality is changing",
                "SELECT TENANT_NAME \
                FROM oceanbase.DBA_OB_TENANTS \
                WHERE PREVIOUS_LOCALITY IS NOT NULL AND PREVIOUS_LOCALITY <> ''",
            ),
            ask(
                Block,
                "switching over",
                "SELECT TENANT_NAME, SWITCHOVER_STATUS \
                FROM oceanbase.DBA_OB_TENANTS \
                WHERE SWITCHOVER_STATUS <> 'NORMAL'",
            ),
        ],
        v3: &[
            ask(
                Block,
                "not normal",
                "SELECT tenant_name, status \
                FROM oceanbase.__all_tenant \
                WHERE status NOT IN ('NORMAL', 'TENANT_STATUS_NORMAL')",
            ),
            ask(
                Block,
                "locality is changing",
                "SELECT tenant_name \
                FROM oceanbase.__all_tenant \
                WHERE previous_locality <> ''",
            ),
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
        single: &[ask(
            Warn,
            "by user",
            "SELECT USER, COUNT(*) \
                FROM oceanbase.V$OB_PROCESSLIST \
                WHERE ID <> CONNECTION_ID() AND COMMAND NOT IN ('Sleep', 'Daemon') \
                GROUP BY USER ORDER BY USER",
        )],
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
        single: &[ask(
            Warn,
            "open, will be rolled back, by state",
            "SELECT STATE, COUNT(*) \
                FROM oceanbase.V$OB_TRANSACTION_SCHEDULERS \
                WHERE SESSION_ID IN (SELECT ID FROM oceanbase.V$OB_PROCESSLIST WHERE ID <> CONNECTION_ID()) \
                GROUP BY STATE ORDER BY STATE",
        )],
    },
];
