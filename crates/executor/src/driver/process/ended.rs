//! After a start: what a server that has ended left behind.

use std::time::Duration;

use super::blocking;
use super::last_words::{Errors, LastWords};
use super::prepared::Prepared;
use super::spawn::Newborn;
use super::start::Starting;
use super::start_error::StartError;

/// How often, and how long each time, the last errors of a server that ended are waited for.
const LOG_WAITS: u32 = 20;
const LOG_WAIT: Duration = Duration::from_millis(100);

impl Starting<'_> {
    pub(super) async fn ended(&self, prepared: &Prepared, newborn: &mut Newborn) -> StartError {
        let after = self.started.elapsed();
        let status = newborn.ended();
        let output = newborn.output.as_ref().ok();
        let output = output.and_then(|output| output.try_clone().ok());
        let words = async {
            let errors = await_errors(Errors::of(prepared.log.clone())).await?;
            blocking(move || errors.last_words(output.as_ref(), status)).await
        };
        // Why it ended cannot be told then; that it did is known.
        let words = words.await.unwrap_or_else(|reason: String| LastWords {
            status: status.map(|status| status.to_string()),
            lines: vec![reason],
            damaged_data: false,
        });
        match words.damaged_data {
            true => StartError::DataDamaged { after, words },
            false => StartError::Ended { after, words },
        }
    }
}

/// A server lets go of its lock before the last of its log is written.
async fn await_errors(mut errors: Errors) -> Result<Errors, String> {
    for _ in 0..LOG_WAITS {
        let look = move || {
            let found = errors.look();
            (errors, found)
        };
        let (looked, found) = blocking(look).await?;
        if found {
            return Ok(looked);
        }
        errors = looked;
        tokio::time::sleep(LOG_WAIT).await;
    }
    Ok(errors)
}
