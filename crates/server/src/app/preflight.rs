//! What is told of the checks before a stop where nobody can carry them out.

use futures::future::BoxFuture;
use slacktide_engine::{
    cluster::Cluster,
    finding::{Finding, FindingClass, FindingResult},
};

use crate::server::Preflight;

/// The checks by number, as `docs/contract.md` ("Checks before a stop") lists them.
const CHECKS: [(i32, &str, FindingClass); 9] = [
    (3, "servers being added or deleted", FindingClass::Block),
    (6, "major compaction", FindingClass::Warn),
    (7, "data backup", FindingClass::Block),
    (10, "jobs on tenants", FindingClass::Block),
    (13, "tenants", FindingClass::Block),
    (17, "sessions at work", FindingClass::Warn),
    (18, "open transactions", FindingClass::Warn),
    (
        21,
        "something that restarts the server",
        FindingClass::Block,
    ),
    (24, "what a start needs", FindingClass::Block),
];

/// A process without an executor: nothing is checked, and it says so.
pub(crate) struct NoExecutor;

impl Preflight for NoExecutor {
    fn preflight<'a>(&'a self, _: &'a Cluster) -> BoxFuture<'a, Vec<Finding>> {
        let not_checked = |(check, name, class)| Finding {
            check,
            name,
            class,
            result: FindingResult::NotChecked,
            text: "the process that answers runs no executor".to_owned(),
        };
        Box::pin(async move { CHECKS.map(not_checked).into() })
    }
}
