//! After the signals: proves that the server is gone, and that it stays gone.

use std::time::Duration;

use tokio::time::Instant;

use super::error::StopError;
use super::finding::Finding;
use super::identity::Identity;
use super::stop::Stop;

/// systemd restarts after 100 ms to 10 s as set up for these servers, obshell within seconds.
const SUPERVISED: Duration = Duration::from_secs(12);
/// A server that came back stays for more than a second even where it cannot start; looking takes
/// milliseconds.
const WATCH_POLL: Duration = Duration::from_millis(250);
/// Lock and ports are free when the pidfd fires; this is for kernels and drivers that close a file
/// late.
const CONFIRM_LIMIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

impl Stop<'_> {
    /// Proves that a process that has ended left nothing behind.
    ///
    /// Whether *this server* is back is told by record lock and `/proc` alone. A port that is held
    /// by another program is not it: somebody used the free port, which the log tells. A port whose
    /// holder cannot be told may be it.
    pub(super) async fn confirm_gone(&self, identity: &Identity) -> Result<(), StopError> {
        let deadline = Instant::now() + CONFIRM_LIMIT;
        let mut pause = FIRST_PAUSE;
        loop {
            let doubt = match self.unless_canceled(self.driver.find()).await? {
                Finding::None => {
                    let ports = self.driver.target.ports();
                    self.log(format!(
                        "{}; record lock free, ports {} {} free",
                        self.end_of(identity),
                        ports[0],
                        ports[1]
                    ));
                    return Ok(());
                }
                Finding::Foreign(holder) => {
                    self.log(format!(
                        "{}; record lock free; note: {holder} already",
                        self.end_of(identity)
                    ));
                    return Ok(());
                }
                Finding::One(process) if process.identity != *identity => {
                    return Err(self.restarted(*process));
                }
                Finding::Multiple(processes) => return Err(StopError::Multiple(processes)),
                doubt => doubt,
            };
            if Instant::now() >= deadline {
                return Err(StopError::Unknown {
                    reason: format!("{identity} ended, but {doubt}"),
                });
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn end_of(&self, identity: &Identity) -> String {
        match (self.last_signal, self.sent_at) {
            (Some(signal), Some(sent_at)) => {
                let took = sent_at.elapsed().as_secs_f64();
                format!("pid {} ended {took:.3} s after {signal}", identity.pid)
            }
            _ => format!("pid {} ended", identity.pid),
        }
    }

    /// Watches for a server that comes back, to the end of the window.
    pub(super) async fn watch(&self) -> Result<(), StopError> {
        let by_default = if self.supervised {
            SUPERVISED
        } else {
            Duration::ZERO
        };
        let window = self.order.watch.unwrap_or(by_default);
        if window.is_zero() {
            return Ok(());
        }
        self.log(format!(
            "watching for {:.1} s whether the server comes back",
            window.as_secs_f64()
        ));
        let deadline = Instant::now() + window;
        loop {
            let next = deadline.min(Instant::now() + WATCH_POLL);
            self.unless_canceled(tokio::time::sleep_until(next)).await?;
            let finding = self.unless_canceled(self.driver.find()).await?;
            let over = Instant::now() >= deadline;
            match finding {
                Finding::None | Finding::Foreign(_) if over => {
                    self.log("the server did not come back".into());
                    return Ok(());
                }
                Finding::One(process) => return Err(self.restarted(*process)),
                Finding::Multiple(processes) => return Err(StopError::Multiple(processes)),
                Finding::Unknown { reason } if over => return Err(StopError::Unknown { reason }),
                Finding::None | Finding::Foreign(_) | Finding::Unknown { .. } => {}
            }
        }
    }
}
