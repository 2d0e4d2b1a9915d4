//! Kills and halts processes at random, and brings each back.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fleet::Fleet;
use crate::random::Random;

const CALM: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(400)];
/// From well below the life of a lease to well beyond it.
const HALT: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(2_500)];

pub(crate) struct Storm {
    over: CancellationToken,
    blowing: JoinHandle<Result<(Fleet, Weather)>>,
}

/// What a storm did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    killed: usize,
    halted: usize,
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kills, {} halts", self.killed, self.halted)
    }
}

impl Storm {
    pub(crate) fn begin(fleet: Fleet, random: Random) -> Self {
        let over = CancellationToken::new();
        let blowing = tokio::spawn(blow(fleet, random, over.clone()));
        Self { over, blowing }
    }

    /// Ends it, with every process up again.
    pub(crate) async fn end(self) -> Result<(Fleet, Weather)> {
        self.over.cancel();
        self.blowing.await?
    }
}

async fn blow(
    mut fleet: Fleet,
    mut random: Random,
    over: CancellationToken,
) -> Result<(Fleet, Weather)> {
    let mut weather = Weather::default();
    while !over.is_cancelled() {
        let calm = tokio::time::sleep(random.between(CALM[0], CALM[1]));
        if over.run_until_cancelled(calm).await.is_none() {
            break;
        }
        let victim = random.below(fleet.processes.len());
        let victim = &mut fleet.processes[victim];
        if random.below(2) == 0 {
            weather.killed += 1;
            victim.kill9().await?;
            victim.restart().await?;
        } else {
            weather.halted += 1;
            victim.process().signal(Signal::STOP)?;
            tokio::time::sleep(random.between(HALT[0], HALT[1])).await;
            victim.process().signal(Signal::CONT)?;
        }
    }
    Ok((fleet, weather))
}
