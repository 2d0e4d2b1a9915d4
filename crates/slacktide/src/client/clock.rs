//! The server's clock, read from here: this machine's own may be wrong, or in another year.

use std::time::{Duration, Instant};

use prost_types::Timestamp;
use slacktide_api::v1::GetInfoRequest;

use super::{Connection, Failure};

/// What the server's clock shows, from one reading and the time since.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerClock {
    read: Timestamp,
    at: Instant,
}

impl ServerClock {
    /// Reads the server's clock.
    pub(super) async fn read(connection: &Connection) -> Result<Self, Failure> {
        let answer = connection.info().get_info(GetInfoRequest {}).await?;
        Ok(Self::new(
            answer.into_inner().current_time.unwrap_or_default(),
        ))
    }

    pub(super) fn new(read: Timestamp) -> Self {
        Self {
            read,
            at: Instant::now(),
        }
    }

    /// How long something took that began at `start`, if it did; up to now where it has not ended.
    pub(super) fn took(
        &self,
        start: Option<&Timestamp>,
        end: Option<&Timestamp>,
    ) -> Option<Duration> {
        let end = end.map_or_else(|| nanos(&self.read) + self.since(), nanos);
        Some(duration(end - nanos(start?)))
    }

    /// How long it is until a time; none if that is over.
    pub(super) fn until(&self, at: &Timestamp) -> Option<Duration> {
        let left = nanos(at) - nanos(&self.read) - self.since();
        (left > 0).then(|| duration(left))
    }

    fn since(&self) -> i128 {
        i128::from(u64::try_from(self.at.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Time from one to the other; none if they are the other way round.
pub(super) fn between(start: &Timestamp, end: &Timestamp) -> Duration {
    duration(nanos(end) - nanos(start))
}

fn nanos(at: &Timestamp) -> i128 {
    i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos)
}

fn duration(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_has_ended_took_a_fixed_time() {
        let clock = ServerClock::new(at("2030-01-01T00:00:00Z"));
        let start = at("2026-11-23T08:00:00Z");
        let end = at("2026-11-23T08:00:01.5Z");
        let took = clock.took(Some(&start), Some(&end));
        assert_eq!(took, Some(Duration::from_millis(1500)));
        assert_eq!(clock.took(None, Some(&end)), None);
        assert_eq!(between(&end, &start), Duration::ZERO);
    }

    #[test]
    fn what_is_to_come_is_told_until_it_is_there() {
        let clock = ServerClock {
            read: at("2026-11-23T08:00:10Z"),
            at: Instant::now().checked_sub(Duration::from_secs(5)).unwrap(),
        };
        let left = clock.until(&at("2026-11-23T08:00:20Z")).unwrap();
        assert_eq!(left.as_millis().div_ceil(1000), 5);
        assert_eq!(clock.until(&at("2026-11-23T08:00:15Z")), None);
    }

    #[test]
    fn what_runs_is_measured_by_the_servers_clock() {
        let clock = ServerClock {
            read: at("2026-11-23T08:00:10Z"),
            at: Instant::now().checked_sub(Duration::from_secs(5)).unwrap(),
        };
        let seconds = |start| clock.took(Some(&at(start)), None).unwrap().as_secs();
        assert_eq!(seconds("2026-11-23T08:00:00Z"), 15);
        assert_eq!(
            seconds("2026-11-23T08:00:14Z"),
            1,
            "it began after the reading"
        );
    }
}
