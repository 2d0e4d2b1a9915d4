//! What is told of tenants and leaders after a start, for the log. Nothing in it fails a start.

use super::{error::SqlError, kind::EngineKind, session::Session};

const TENANTS_V4: &str = "SELECT TENANT_NAME, STATUS FROM oceanbase.DBA_OB_TENANTS";
const TENANTS_V3: &str = "SELECT tenant_name, status FROM oceanbase.__all_tenant";
const LEADERS_V4: &str = "SELECT SVR_IP, SVR_PORT, COUNT(*) FROM oceanbase.GV$OB_LOG_STAT \
     WHERE ROLE = 'LEADER' GROUP BY SVR_IP, SVR_PORT ORDER BY SVR_IP, SVR_PORT";
const LEADERS_V3: &str = "SELECT svr_ip, svr_port, COUNT(*) FROM oceanbase.__all_virtual_clog_stat \
     WHERE role = 'LEADER' GROUP BY svr_ip, svr_port ORDER BY svr_ip, svr_port";
const LEADERLESS_V4: &str = "SELECT TENANT_ID, LS_ID FROM oceanbase.GV$OB_LOG_STAT \
     GROUP BY TENANT_ID, LS_ID HAVING SUM(CASE WHEN ROLE = 'LEADER' THEN 1 ELSE 0 END) = 0";
/// More says no more.
const MOST: usize = 10;

/// Tenants, log streams without a leader, and how leaders are spread, one line each.
///
/// # Errors
/// [`SqlError`] where the server cannot be asked at all.
pub(crate) async fn report(session: &mut Session) -> Result<Vec<String>, SqlError> {
    let kind = session.kind().await?;
    let (tenants, leaders) = match kind {
        EngineKind::V4 => (TENANTS_V4, LEADERS_V4),
        EngineKind::V3 => (TENANTS_V3, LEADERS_V3),
        EngineKind::SingleNode => {
            return Ok(vec![
                "an engine of one node: no tenants and no leaders to tell of".to_owned(),
            ]);
        }
    };
    let mut lines = vec![
        line(session, "tenants", tenants, " ").await,
        line(session, "leaders", leaders, ":").await,
    ];
    if kind == EngineKind::V4 {
        lines.push(line(session, "log streams without a leader", LEADERLESS_V4, "/").await);
    }
    Ok(lines)
}

async fn line(session: &mut Session, what: &str, query: &str, between: &str) -> String {
    let rows = match session.rows(query).await {
        Ok(rows) => rows,
        Err(error) => return format!("{what}: not known: {error}"),
    };
    if rows.is_empty() {
        return format!("{what}: none");
    }
    let more = rows.len().saturating_sub(MOST);
    let told: Vec<String> = rows
        .into_iter()
        .take(MOST)
        .map(|row| {
            let cells: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
            cells.join(between)
        })
        .collect();
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{what}: {}{rest}", told.join(", "))
}
