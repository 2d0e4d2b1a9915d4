//! Executors: real ones, and ones that do only what a test does in their name.

use slacktide_engine::{
    commit::{Claimant, Event, Outcome},
    id::TaskId,
    kind::SubtaskKind,
    selector::Selector,
    subtask::Subtask,
};
use slacktide_executor::{Executor, Options};
use slacktide_store::{Committed, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::kit::LIMIT;

/// An executor at work.
pub(crate) struct Running {
    drain: CancellationToken,
    done: tokio::task::JoinHandle<()>,
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "a test has no tracker")]
    pub(crate) async fn start(store: &Store, id: &str, options: Options) -> Self {
        let drain = CancellationToken::new();
        let beginning = Executor::begin(store.clone(), id.to_owned(), options, drain.clone());
        let executor = beginning.await.expect("begins");
        let done = tokio::spawn(executor.run());
        Self { drain, done }
    }

    pub(crate) async fn stop(self) {
        self.drain.cancel();
        tokio::time::timeout(LIMIT, self.done)
            .await
            .expect("it drains")
            .expect("without a panic");
    }
}

/// An executor that does only what the test does in its name.
pub(crate) struct Player<'a> {
    pub(crate) store: &'a Store,
    pub(crate) id: String,
    pub(crate) host: String,
}

impl Player<'_> {
    pub(crate) async fn commit(&self, task: TaskId, event: Event) -> Result<Committed, StoreError> {
        let claimant = Claimant {
            executor: self.id.clone(),
            host: self.host.clone(),
            labels: Selector::default(),
            room: 1,
            host_room: 1,
        };
        self.store.commit(task, event, claimant, None).await
    }

    /// Brings a stop of one server to where its process is to be stopped. Returns that run.
    pub(crate) async fn claim_stop(&self, task: TaskId) -> Subtask {
        let root = self
            .store
            .task(task, true)
            .await
            .expect("the task")
            .subtasks[0]
            .id;
        let claim = Event::Claim {
            subtasks: vec![root],
        };
        let mut claimed = self.commit(task, claim).await.expect("claimed").claimed;
        loop {
            let run = claimed.pop().expect("a run");
            if run.kind == SubtaskKind::StopObserverProcess {
                return run;
            }
            let finish = self.finish(&run, Outcome::success());
            claimed = self.commit(task, finish).await.expect("finished").claimed;
        }
    }

    pub(crate) fn finish(&self, run: &Subtask, outcome: Outcome) -> Event {
        Event::Finish {
            subtask: run.id,
            epoch: run.epoch,
            outcome,
        }
    }

    pub(crate) async fn renew(&self) {
        let renewed = self.store.renew_lease(&self.id).await;
        assert!(renewed.expect("the store answers"), "the lease is held");
    }

    /// Dies: its lease is taken away.
    pub(crate) async fn lose_lease(&self) {
        for lease in self.store.leases().await.expect("leases") {
            if lease.id == self.id {
                let ended = self.store.end_lease(&lease).await;
                assert!(ended.expect("the store answers"));
            }
        }
    }
}
