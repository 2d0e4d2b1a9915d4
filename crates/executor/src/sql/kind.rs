//! Which sort of engine a server is.

use super::{error::SqlError, session::Session};

/// What an engine offers, found by asking for its list of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// A cluster of the 4.x line: views named `DBA_OB_…`.
    V4,
    /// A cluster of the 3.x line: tables named `__all_…`.
    V3,
    /// An engine of one node: no cluster SQL at all.
    SingleNode,
}

impl Session {
    /// Asks what sort of engine this is.
    ///
    /// # Errors
    /// [`SqlError`].
    pub(crate) async fn kind(&mut self) -> Result<EngineKind, SqlError> {
        let lists = [
            (
                EngineKind::V4,
                "SELECT 1 FROM oceanbase.DBA_OB_SERVERS LIMIT 1",
            ),
            (
                EngineKind::V3,
                "SELECT 1 FROM oceanbase.__all_server LIMIT 1",
            ),
        ];
        for (kind, list) in lists {
            match self.execute(list).await {
                Ok(()) => return Ok(kind),
                Err(SqlError::NotSupported { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(EngineKind::SingleNode)
    }
}
