//! How long a verb that follows something bears a server that is away.

use std::time::Duration;

use anyhow::anyhow;
use tokio::time::{Instant, sleep};

use super::output::note;

/// How long a server may be away before a verb gives up.
const LIMIT: Duration = Duration::from_secs(60);
/// A stream that lasted this long had a server at its other end, even if nothing changed.
pub(super) const STEADY_AFTER: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A time without the server, and how often it was asked for since.
#[derive(Debug, Default)]
pub(super) struct Absence {
    since: Option<Instant>,
    tries: u32,
}

impl Absence {
    /// How long to wait before the next try; none when it was away for too long.
    pub(super) fn next_pause(&mut self) -> Option<Duration> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= LIMIT {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.tries));
        self.tries += 1;
        Some(pause.min(LONGEST_PAUSE))
    }

    pub(super) fn is_new(&self) -> bool {
        self.tries == 1
    }

    /// Why a verb gave up: `cause` was the last fault, `resume` is the command that goes on.
    pub(super) fn too_long(cause: &str, resume: &str) -> anyhow::Error {
        let limit = LIMIT.as_secs();
        anyhow!(
            "gave up after {limit} s without the server: {cause}; `{resume}` goes on from there"
        )
    }
}

/// How a stream ended.
pub(super) enum End {
    /// As it should.
    Over,
    /// The server went away; it may be back.
    Broken {
        cause: String,
        /// Whether it was there before: it sent something, or held the stream for a while.
        steady: bool,
    },
}

/// Listens again after each break, until a stream ends as it should.
///
/// # Errors
/// What `listen` found that will not pass, or that the server was away for too long.
pub(super) async fn persist(
    resume: &str,
    mut listen: impl AsyncFnMut() -> anyhow::Result<End>,
) -> anyhow::Result<()> {
    let mut absence = Absence::default();
    loop {
        let (cause, steady) = match listen().await? {
            End::Over => return Ok(()),
            End::Broken { cause, steady } => (cause, steady),
        };
        if steady {
            absence = Absence::default();
        }
        let Some(pause) = absence.next_pause() else {
            return Err(Absence::too_long(&cause, resume));
        };
        if absence.is_new() {
            note(&format!("{cause}; reconnecting"));
        }
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_borne_for_a_bounded_time_with_growing_pauses() {
        let mut absence = Absence::default();
        let pauses: Vec<_> = (0..8)
            .map(|_| absence.next_pause().unwrap().as_millis())
            .collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 2000, 2000, 2000]);
        absence.since = Instant::now().checked_sub(LIMIT);
        assert_eq!(absence.next_pause(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_stays_away_is_given_up() {
        let mut tries = 0;
        let gave_up = persist("slacktide task log 7 10 --follow", async || {
            tries += 1;
            Ok(End::Broken {
                cause: "connection refused".to_owned(),
                steady: false,
            })
        });
        assert_eq!(
            gave_up.await.unwrap_err().to_string(),
            "gave up after 60 s without the server: connection refused; \
             `slacktide task log 7 10 --follow` goes on from there"
        );
        assert!(tries > 20, "{tries}");
    }
}
