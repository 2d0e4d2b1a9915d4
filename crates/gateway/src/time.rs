//! Timestamps as REST shows them: RFC 3339 in the server's zone, always three fraction digits, always a
//! numeric offset.

use chrono::{DateTime, Local, SecondsFormat, TimeZone};
use prost_types::Timestamp;

/// The present time.
pub(crate) fn now() -> String {
    in_zone(Local::now())
}

/// A timestamp of the gRPC API. `None` where it is absent or beyond the calendar.
pub(crate) fn local(timestamp: Option<Timestamp>) -> Option<String> {
    let Timestamp { seconds, nanos } = timestamp?;
    let time = DateTime::from_timestamp(seconds, u32::try_from(nanos).ok()?)?;
    Some(in_zone(time.with_timezone(&Local)))
}

/// A timestamp that OCP's clients expect even where there is none: they read the epoch as "not yet".
pub(crate) fn local_or_epoch(timestamp: Option<Timestamp>) -> String {
    local(timestamp).unwrap_or_else(|| in_zone(DateTime::UNIX_EPOCH.with_timezone(&Local)))
}

fn in_zone<Z: TimeZone>(time: DateTime<Z>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, false)
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, Utc};

    use super::*;

    #[test]
    fn the_fraction_has_three_digits_and_the_offset_is_numeric() {
        let china = FixedOffset::east_opt(8 * 3600).unwrap();
        let cases = [
            (1_614_652_144, 849_000_000, "2021-03-02T10:29:04.849+08:00"),
            (1_614_652_144, 270_000_000, "2021-03-02T10:29:04.270+08:00"),
            (1_614_652_144, 0, "2021-03-02T10:29:04.000+08:00"),
            (1_614_652_144, 999_999_999, "2021-03-02T10:29:04.999+08:00"),
            (0, 0, "1970-01-01T08:00:00.000+08:00"),
        ];
        for (seconds, nanos, expected) in cases {
            let time = DateTime::from_timestamp(seconds, nanos).unwrap();
            assert_eq!(in_zone(time.with_timezone(&china)), expected);
        }
        assert_eq!(
            in_zone(DateTime::<Utc>::UNIX_EPOCH),
            "1970-01-01T00:00:00.000+00:00"
        );
    }

    #[test]
    fn a_timestamp_beyond_the_calendar_is_absent() {
        let timestamp = |seconds, nanos| Some(Timestamp { seconds, nanos });
        assert_eq!(local(timestamp(i64::MAX, 0)), None);
        assert_eq!(local(timestamp(0, -1)), None);
        assert_eq!(local(None), None);
    }

    #[test]
    fn what_has_not_happened_yet_is_the_epoch() {
        let shown = DateTime::parse_from_rfc3339(&local_or_epoch(None)).unwrap();
        assert_eq!(shown.timestamp_millis(), 0);
    }
}
