//! Whether the process can be given work: it does not drain, and what its roles need answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use slacktide_store::Store;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::remote::Remote;

/// How often what the roles need is asked.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long an answer may take. What is slower than this is of no use to those who ask this process.
const PATIENCE: Duration = Duration::from_secs(3);

/// What must hold for the process to be ready.
pub(super) struct Readiness {
    drain: CancellationToken,
    conditions: Vec<Arc<Condition>>,
}

/// Something that a role needs.
struct Condition {
    fault: String,
    holds: AtomicBool,
}

impl Readiness {
    pub(super) fn new(drain: CancellationToken) -> Self {
        Self {
            drain,
            conditions: Vec::new(),
        }
    }

    /// The database must answer, as it does now. The future keeps asking it, until the process drains.
    pub(super) fn database(&mut self, store: Store) -> impl Future<Output = ()> + use<> {
        let condition = self.condition("the database does not answer".to_owned(), true);
        let ask = move || {
            let store = store.clone();
            async move { store.ping().await.is_ok() }
        };
        watch(condition, self.drain.clone(), ask)
    }

    /// The server that the gateway calls must serve. The future keeps asking it, until the process drains.
    pub(super) fn remote(&mut self, remote: Remote) -> impl Future<Output = ()> + use<> {
        let fault = format!("the server at {} does not serve", remote.url());
        let condition = self.condition(fault, false);
        let ask = move || {
            let remote = remote.clone();
            async move { remote.serves().await }
        };
        watch(condition, self.drain.clone(), ask)
    }

    /// What the admin listener asks.
    pub(super) fn check(&self) -> impl Fn() -> Result<(), String> + Clone + Send + Sync + 'static {
        let (drain, conditions) = (self.drain.clone(), self.conditions.clone());
        move || {
            if drain.is_cancelled() {
                return Err("draining".to_owned());
            }
            let missing = |condition: &&Arc<Condition>| !condition.holds.load(Ordering::Relaxed);
            match conditions.iter().find(missing) {
                Some(condition) => Err(condition.fault.clone()),
                None => Ok(()),
            }
        }
    }

    fn condition(&mut self, fault: String, holds: bool) -> Arc<Condition> {
        let holds = AtomicBool::new(holds);
        let condition = Arc::new(Condition { fault, holds });
        self.conditions.push(Arc::clone(&condition));
        condition
    }
}

async fn watch<Answer: Future<Output = bool>>(
    condition: Arc<Condition>,
    drain: CancellationToken,
    ask: impl Fn() -> Answer,
) {
    let asking = async {
        loop {
            let holds = timeout(PATIENCE, ask()).await.unwrap_or(false);
            condition.holds.store(holds, Ordering::Relaxed);
            tokio::time::sleep(INTERVAL).await;
        }
    };
    drain.run_until_cancelled(asking).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_process_is_ready_while_what_it_needs_answers_and_until_it_drains() {
        let drain = CancellationToken::new();
        let mut readiness = Readiness::new(drain.clone());
        let answers = Arc::new(AtomicBool::new(true));
        let condition = readiness.condition("the server does not serve".to_owned(), false);
        let ask = || std::future::ready(answers.load(Ordering::Relaxed));
        let check = readiness.check();
        let looking = async {
            assert_eq!(check().unwrap_err(), "the server does not serve");
            tokio::time::sleep(INTERVAL / 2).await;
            assert_eq!(check(), Ok(()));
            answers.store(false, Ordering::Relaxed);
            tokio::time::sleep(INTERVAL).await;
            assert_eq!(check().unwrap_err(), "the server does not serve");
            drain.cancel();
            assert_eq!(check().unwrap_err(), "draining");
        };
        tokio::join!(looking, watch(condition, drain.clone(), ask));
    }
    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_at_all_does_not_hold() {
        let drain = CancellationToken::new();
        let mut readiness = Readiness::new(drain.clone());
        let condition = readiness.condition("the database does not answer".to_owned(), true);
        let check = readiness.check();
        let looking = async {
            tokio::time::sleep(PATIENCE * 2).await;
            assert_eq!(check().unwrap_err(), "the database does not answer");
            drain.cancel();
        };
        tokio::join!(
            looking,
            watch(condition, drain.clone(), std::future::pending)
        );
    }
}
