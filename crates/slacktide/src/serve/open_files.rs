//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What everything but connections needs: the database, the state files and processes of many runs.
const OTHERS: u64 = 4096;

/// Raises the process's own limit as far as `connections` need it and the machine allows. Shells commonly set it to
/// 1024; database servers that an executor starts inherit it, and want more than that themselves.
pub(super) fn allow(connections: usize) {
    let needed = OTHERS.saturating_add(u64::try_from(connections).unwrap_or(u64::MAX));
    let limit = getrlimit(Resource::Nofile);
    // None is no limit.
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if enough(limit.current) {
        return;
    }
    let current = if enough(limit.maximum) {
        Some(needed)
    } else {
        limit.maximum
    };
    let raised = Rlimit {
        current,
        maximum: limit.maximum,
    };
    let refused = setrlimit(Resource::Nofile, raised).is_err();
    if refused || !enough(current) {
        tracing::warn!(
            needed,
            allowed = if refused { limit.current } else { current },
            "too few files may be open for all the connections that max_connections allows: raise the limit \
             (LimitNOFILE, ulimit -n)"
        );
    }
}
