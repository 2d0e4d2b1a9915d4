//! The one place where wall time is read.

use std::time::{SystemTime, UNIX_EPOCH};

use slacktide_engine::time::Micros;

/// The machine's clock. A commit takes the later of this and its task's last time, so that no history runs
/// backwards; safety never rests on it.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where wall time is read"
)]
pub fn now() -> Micros {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
