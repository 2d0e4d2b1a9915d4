//! What a server answers when it does not do what it is asked, sorted by what is to be done about it.

use std::time::Duration;

use mysql_async::Error;

/// Whether the same request may succeed later by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// It may: the server is on its way, or not to be reached at the moment.
    Transient,
    /// Something must change first.
    Permanent,
}

/// Why a server did not do what it was asked. `Display` names the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqlError {
    /// No connection, or it broke. Whether a statement that was under way took effect is unknown: look.
    #[error("{address}: cannot be reached: {reason}")]
    Unreachable { address: String, reason: String },
    /// It did not answer in time; a halted server accepts connections and never greets.
    #[error("{address}: no answer to {request} within {} s", limit.as_secs_f32())]
    Timeout {
        address: String,
        request: &'static str,
        limit: Duration,
    },
    /// It is on its way up or down, or had no time.
    #[error("{address}: not ready: error {code}, {text}")]
    NotYet {
        address: String,
        code: u16,
        text: String,
    },
    /// The account is not let in.
    #[error(
        "{address}: the account is refused: error {code}, {text}; correct user and password of the cluster's SQL account, then retry"
    )]
    Denied {
        address: String,
        code: u16,
        text: String,
    },
    /// The engine lacks the statement, table or column.
    #[error("{address}: this engine does not know it: error {code}, {text}")]
    NotSupported {
        address: String,
        code: u16,
        text: String,
    },
    /// The kernel understood and refused.
    #[error("{address}: the kernel refuses: error {code}, {text}; {advice}")]
    Refused {
        address: String,
        code: u16,
        text: String,
        advice: &'static str,
    },
    /// Any other error.
    #[error("{address}: error {code}, {text}")]
    Other {
        address: String,
        code: u16,
        text: String,
    },
    /// The answer makes no sense, or what was asked for is not there.
    #[error("{address}: {reason}")]
    Unexpected { address: String, reason: String },
}

/// What to do about a refusal of the kernel.
const REFUSALS: [(u16, &str); 3] = [
    (
        4660,
        "servers or zones of one zone only may be stopped at a time: start what is stopped in the other zone, then retry",
    ),
    (
        4179,
        "bring the replicas and their logs in sync, or let the operation that is under way end, then retry",
    ),
    (
        4633,
        "the zone is in another status than the operation needs: look at it, then retry",
    ),
];

/// Whether this is the number of a refusal of the kernel: its last word on the statement.
pub(crate) fn is_refusal(code: i32) -> bool {
    REFUSALS
        .iter()
        .any(|(refusal, _)| i32::from(*refusal) == code)
}

impl SqlError {
    /// Sorts the answer of the server at `address`.
    pub(super) fn of(address: &str, error: Error) -> Self {
        let address = address.to_owned();
        match error {
            Error::Server(error) => Self::of_code(address, error.code, error.message),
            Error::Io(error) => Self::Unreachable {
                address,
                reason: error.to_string(),
            },
            // A server that hangs up in the middle shows as one of these.
            error @ Error::Driver(_) => Self::Unreachable {
                address,
                reason: error.to_string(),
            },
            error => Self::Unexpected {
                address,
                reason: error.to_string(),
            },
        }
    }

    pub(super) fn of_code(address: String, code: u16, text: String) -> Self {
        if let Some((_, advice)) = REFUSALS.iter().find(|(refusal, _)| *refusal == code) {
            return Self::Refused {
                address,
                code,
                text,
                advice,
            };
        }
        match code {
            // Server is initializing; system tables not readable yet; timeout; server is stopping.
            8001 | 1049 | 4012 | 8002 => Self::NotYet {
                address,
                code,
                text,
            },
            1045 => Self::Denied {
                address,
                code,
                text,
            },
            // Syntax, table, column.
            1064 | 1146 | 1054 => Self::NotSupported {
                address,
                code,
                text,
            },
            _ => Self::Other {
                address,
                code,
                text,
            },
        }
    }

    /// Whether the same request may succeed later by itself.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::NotYet { .. } => {
                Class::Transient
            }
            _ => Class::Permanent,
        }
    }

    /// OceanBase's number of the error, where the server gave one.
    pub(crate) fn code(&self) -> Option<i32> {
        match self {
            Self::NotYet { code, .. }
            | Self::Denied { code, .. }
            | Self::NotSupported { code, .. }
            | Self::Refused { code, .. }
            | Self::Other { code, .. } => Some(i32::from(*code)),
            _ => None,
        }
    }
}
