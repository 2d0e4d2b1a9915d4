//! What speaks against a stop, before it is begun. Nothing here changes anything, and no finding forbids a stop.
//!
//! A check that could not be made is NOT_CHECKED, with the reason: never clear.

mod catalog;
mod host;
mod rows;
mod sql;
mod verdict;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use slacktide_engine::{
    cluster::Cluster,
    finding::{Finding, FindingClass, FindingResult},
};

use crate::options::Options;

/// All that can be found out in this time is. A caller waits for the answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// Checks a cluster that is to be stopped. Takes ten seconds at most.
pub async fn preflight(cluster: &Cluster, options: &Options) -> Vec<Finding> {
    preflight_within(LIMIT, cluster, options).await
}

/// The same, for a stop that waits no longer than `limit`: what is not answered by then is not checked.
pub(crate) async fn preflight_within(
    limit: Duration,
    cluster: &Cluster,
    options: &Options,
) -> Vec<Finding> {
    let deadline = tokio::time::Instant::now() + limit;
    let (mut findings, of_hosts) = tokio::join!(
        sql::findings(cluster, deadline),
        host::findings(cluster, options, deadline)
    );
    findings.extend(of_hosts);
    findings.sort_by_key(|finding| finding.check);
    findings
}

/// The findings for a log, one line each.
pub fn lines(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(line).collect()
}

/// A finding as one line of a log.
fn line(finding: &Finding) -> String {
    let result = match (finding.result, finding.class) {
        (FindingResult::Clear, _) => "clear",
        (FindingResult::NotChecked, _) => "not checked",
        (FindingResult::Found, FindingClass::Block) => "FOUND, to be settled before a stop",
        (FindingResult::Found, FindingClass::Warn) => "found",
        (FindingResult::Found, FindingClass::Info) => "note",
    };
    let Finding {
        check, name, text, ..
    } = finding;
    match text.is_empty() {
        true => format!("check {check}, {name}: {result}"),
        false => format!("check {check}, {name}: {result}: {text}"),
    }
}
