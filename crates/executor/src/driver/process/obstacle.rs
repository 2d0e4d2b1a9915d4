//! Why a look at the host came to no result.

/// Something that keeps the driver from telling whether a server runs.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// The picture changed while it was taken: another look may settle it.
    Passing(String),
    /// Looking again shows the same: a right, a mount or a setting must change first.
    Lasting(String),
}

impl Obstacle {
    pub(super) fn reason(self) -> String {
        match self {
            Self::Passing(reason) | Self::Lasting(reason) => reason,
        }
    }
}
