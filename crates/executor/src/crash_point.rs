//! Places between two durable steps at which tests kill or hold a process.
//!
//! `SLACKTIDE_CRASH_POINT=name` kills the process when it gets there, `name:3` when it gets there the third time.
//! `SLACKTIDE_HOLD_POINT=name:FILE` has whoever gets there wait until the file exists, as if it had been paused.
//! Builds without debug assertions, releases above all, have none of this.

#[cfg(debug_assertions)]
use armed::ARMED;

/// A run gets to the point.
pub(crate) async fn reached(_name: &str) {
    #[cfg(debug_assertions)]
    {
        ARMED.crash_at(_name);
        while ARMED.holds(_name) {
            tokio::time::sleep(armed::POLL).await;
        }
    }
}

/// The same where nothing can be awaited.
pub(crate) fn reached_blocking(_name: &str) {
    #[cfg(debug_assertions)]
    {
        ARMED.crash_at(_name);
        while ARMED.holds(_name) {
            std::thread::sleep(armed::POLL);
        }
    }
}

#[cfg(debug_assertions)]
mod armed {
    use std::{
        path::PathBuf,
        sync::{
            LazyLock,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };

    pub(super) const POLL: Duration = Duration::from_millis(5);

    pub(super) static ARMED: LazyLock<Armed> = LazyLock::new(|| {
        Armed::new(
            &variable("SLACKTIDE_CRASH_POINT"),
            &variable("SLACKTIDE_HOLD_POINT"),
        )
    });

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's order to one process, no configuration"
    )]
    fn variable(name: &str) -> String {
        std::env::var(name).unwrap_or_default()
    }

    /// What this process is to do at which points.
    #[derive(Debug)]
    pub(super) struct Armed {
        crash: String,
        /// How often the point is still to be reached.
        countdown: AtomicU32,
        hold: Option<(String, PathBuf)>,
    }

    impl Armed {
        pub(super) fn new(crash: &str, hold: &str) -> Self {
            let (crash, times) = crash.split_once(':').unwrap_or((crash, "1"));
            Self {
                crash: crash.to_owned(),
                countdown: AtomicU32::new(times.parse().unwrap_or(1)),
                hold: hold
                    .split_once(':')
                    .map(|(name, file)| (name.to_owned(), PathBuf::from(file))),
            }
        }

        /// Whether this is the time at which the process is to end.
        pub(super) fn is_due(&self, name: &str) -> bool {
            self.crash == name && self.countdown.fetch_sub(1, Ordering::SeqCst) == 1
        }

        pub(super) fn holds(&self, name: &str) -> bool {
            self.hold
                .as_ref()
                .is_some_and(|(point, file)| point == name && !file.exists())
        }

        /// Ends the process as `kill -9` does: nothing is flushed, nothing is told.
        pub(super) fn crash_at(&self, name: &str) {
            if self.is_due(name) {
                let own = rustix::process::getpid();
                while rustix::process::kill_process(own, rustix::process::Signal::KILL).is_ok() {
                    std::thread::park();
                }
            }
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::armed::Armed;

    #[test]
    fn a_point_is_due_once_when_it_was_reached_so_often() {
        let armed = Armed::new("after-claim:3", "");
        let due: Vec<_> = (0..5).map(|_| armed.is_due("after-claim")).collect();
        assert_eq!(due, [false, false, true, false, false]);
        assert!(!armed.is_due("after-commit"));
        assert!(Armed::new("after-commit", "").is_due("after-commit"));
        assert!(!Armed::new("", "").is_due("after-commit"));
    }

    #[test]
    fn a_point_holds_until_its_file_exists() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("go");
        let armed = Armed::new("", &format!("after-intent:{}", file.display()));
        assert!(armed.holds("after-intent") && !armed.holds("after-claim"));
        std::fs::write(&file, "").unwrap();
        assert!(!armed.holds("after-intent"));
    }
}
