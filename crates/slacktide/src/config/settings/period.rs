//! Long times, in words of their own.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// The units, the longest first, with their seconds.
const UNITS: [(&str, u64); 2] = [("d", 86_400), ("h", 3_600)];

/// A time such as `30d` or `36h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Period(Duration);

/// A text that is no such time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no period: write a whole number above 0 with its unit, such as 30d or 36h")]
pub(crate) struct NoPeriod(String);

impl Period {
    pub(crate) fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Period {
    type Err = NoPeriod;

    fn from_str(text: &str) -> Result<Self, NoPeriod> {
        let read = || {
            let (unit, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
            let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            let total = number.checked_mul(*seconds)?;
            // A century; more is a slip of the finger.
            (1..=36_525 * 86_400)
                .contains(&total)
                .then(|| Self(Duration::from_secs(total)))
        };
        read().ok_or_else(|| NoPeriod(text.to_owned()))
    }
}

impl TryFrom<String> for Period {
    type Error = NoPeriod;

    fn try_from(text: String) -> Result<Self, NoPeriod> {
        text.parse()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let fits = |(_, unit): &&(&str, u64)| seconds.is_multiple_of(*unit);
        let (name, unit) = UNITS.iter().find(fits).unwrap_or(&("h", 3_600));
        write!(f, "{}{name}", seconds / unit)
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_a_unit() {
        for (text, seconds, shown) in [
            ("30d", 30 * 86_400, "30d"),
            ("36h", 36 * 3_600, "36h"),
            ("24h", 86_400, "1d"),
            ("25 h", 90_000, "25h"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.duration(), Duration::from_secs(seconds));
            assert_eq!(period.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in [
            "",
            "30",
            "d",
            "0d",
            "-1d",
            "1.5d",
            "90m",
            "30 days",
            "99999999999999999999d",
            "40000d",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
