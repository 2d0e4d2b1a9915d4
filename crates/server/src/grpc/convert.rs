//! Between the engine's types and the wire's, in free functions.

pub(super) mod cluster;
pub(super) mod cluster_spec;
pub(super) mod finding;
pub(super) mod task;

use prost::UnknownEnumValue;
use prost_types::Timestamp;
use slacktide_engine::time::Micros;

use crate::app::Violations;

/// A time on the wire.
pub(super) fn timestamp(time: Micros) -> Timestamp {
    const MICROS: i64 = 1_000_000;
    let micros = time.0.rem_euclid(MICROS) as i32;
    Timestamp {
        seconds: time.0.div_euclid(MICROS),
        nanos: micros * 1000,
    }
}

/// The fault of an enum field whose number stands for nothing.
pub(super) fn no_such_value(UnknownEnumValue(number): UnknownEnumValue) -> String {
    format!("must be one of the enum's values, not {number}")
}

/// The longest part of a name that may be searched for: no name is longer, and databases bound patterns.
const MAX_KEYWORD: usize = 256;

/// Part of a name to search for.
pub(super) fn keyword(field: &str, text: String, violations: &mut Violations) -> String {
    if text.chars().count() > MAX_KEYWORD {
        violations.add(field, format!("must have at most {MAX_KEYWORD} characters"));
    }
    text
}

/// The statuses to keep; any if empty, or if one of them is unspecified, for which `known` has `None`.
pub(super) fn statuses<W, S>(
    wanted: &[i32],
    known: impl Fn(W) -> Option<S>,
    violations: &mut Violations,
) -> Vec<S>
where
    W: TryFrom<i32, Error = UnknownEnumValue>,
    S: PartialEq,
{
    let mut statuses = Vec::new();
    for (index, number) in wanted.iter().enumerate() {
        match W::try_from(*number).map(&known) {
            Ok(Some(status)) if statuses.contains(&status) => {}
            Ok(Some(status)) => statuses.push(status),
            Ok(None) => return Vec::new(),
            Err(unknown) => violations.add(format!("statuses[{index}]"), no_such_value(unknown)),
        }
    }
    statuses
}
