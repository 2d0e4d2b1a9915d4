//! What this host remembers of a base directory: the highest fence, and the signals that were sent.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use slacktide_engine::fence::Fence;

use super::identity::Identity;
use super::ladder::Signal;

/// What no executor of this host may forget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// No signal of a lower fence is sent any more.
    pub(super) fence: Option<Fence>,
    /// Signals of the fence's generation to one process, oldest first.
    pub(super) sent: Vec<Sent>,
}

/// A signal that went to a process, or would have gone had this executor not died just then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sent {
    pub(super) signal: Signal,
    pub(super) pid: i32,
    pub(super) start_time: u64,
    pub(super) boot_id: String,
    pub(super) generation: i64,
    pub(super) epoch: i64,
    /// Microseconds since 1970. It only shortens a wait.
    pub(super) at: i64,
    /// Whether something that restarts the server owned it.
    pub(super) supervised: bool,
}

impl Sent {
    pub(super) fn new(signal: Signal, identity: &Identity, fence: Fence, supervised: bool) -> Self {
        Self {
            signal,
            pid: identity.pid,
            start_time: identity.start_time,
            boot_id: identity.boot_id.clone(),
            generation: fence.generation,
            epoch: fence.epoch,
            at: now_micros(),
            supervised,
        }
    }

    fn went_to(&self, identity: &Identity) -> bool {
        (self.pid, self.start_time) == (identity.pid, identity.start_time)
            && self.boot_id == identity.boot_id
    }

    fn is_to_same(&self, other: &Self) -> bool {
        (self.pid, self.start_time) == (other.pid, other.start_time)
            && self.boot_id == other.boot_id
    }

    /// What is left of a wait that began with this signal.
    pub(super) fn remaining(&self, limit: Duration) -> Duration {
        let elapsed = u64::try_from(now_micros().saturating_sub(self.at)).unwrap_or(0);
        limit.saturating_sub(Duration::from_micros(elapsed))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it bounds a wait and orders nothing"
)]
fn now_micros() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

impl State {
    /// Takes a fence. Signals of earlier generations belong to operations that are over.
    pub(super) fn raise(&mut self, fence: Fence) {
        self.fence = self.fence.max(Some(fence));
        let generation = self.fence.map(|fence| fence.generation);
        self.sent.retain(|sent| Some(sent.generation) == generation);
    }

    /// Notes a signal. Those to other processes are forgotten: they have ended.
    pub(super) fn note(&mut self, sent: Sent) {
        self.sent.retain(|earlier| earlier.is_to_same(&sent));
        self.sent.push(sent);
    }

    pub(super) fn sent_to(
        &self,
        identity: &Identity,
        generation: i64,
    ) -> impl Iterator<Item = &Sent> {
        self.sent
            .iter()
            .filter(move |sent| sent.generation == generation && sent.went_to(identity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(generation: i64, epoch: i64) -> Fence {
        Fence { generation, epoch }
    }

    fn identity() -> Identity {
        Identity {
            boot_id: "b".into(),
            pid: 7,
            start_time: 9,
            exe_dev: 1,
            exe_ino: 2,
            base_dir: "/ob".into(),
            uid: 0,
        }
    }

    #[test]
    fn the_fence_only_rises_and_a_new_generation_forgets_old_signals() {
        let mut state = State::default();
        state.raise(fence(1, 9));
        state
            .sent
            .push(Sent::new(Signal::Term, &identity(), fence(1, 9), false));
        state.raise(fence(1, 3));
        assert_eq!((state.fence, state.sent.len()), (Some(fence(1, 9)), 1));
        state.raise(fence(2, 1));
        assert_eq!((state.fence, state.sent.len()), (Some(fence(2, 1)), 0));
    }

    #[test]
    fn signals_to_one_process_are_kept_while_another_one_takes_their_place() {
        let mut state = State::default();
        state.note(Sent::new(Signal::Usr1, &identity(), fence(1, 1), false));
        state.note(Sent::new(Signal::Term, &identity(), fence(1, 1), false));
        assert_eq!(state.sent.len(), 2);
        let next = Identity {
            pid: 8,
            ..identity()
        };
        state.note(Sent::new(Signal::Usr1, &next, fence(1, 2), false));
        assert_eq!(state.sent.len(), 1);
    }

    #[test]
    fn a_signal_belongs_to_one_process_only() {
        let mut state = State::default();
        state
            .sent
            .push(Sent::new(Signal::Term, &identity(), fence(1, 1), false));
        let reused = Identity {
            start_time: 10,
            ..identity()
        };
        let rebooted = Identity {
            boot_id: "c".into(),
            ..identity()
        };
        assert_eq!(state.sent_to(&identity(), 1).count(), 1);
        assert_eq!(state.sent_to(&identity(), 2).count(), 0);
        assert_eq!(
            state.sent_to(&reused, 1).count() + state.sent_to(&rebooted, 1).count(),
            0
        );
    }

    #[test]
    fn a_clock_that_was_set_back_lengthens_no_wait_beyond_its_limit() {
        let mut sent = Sent::new(Signal::Term, &identity(), fence(1, 1), false);
        let limit = Duration::from_secs(10);
        sent.at += 3_600_000_000;
        assert_eq!(sent.remaining(limit), limit);
        sent.at -= 2 * 3_600_000_000;
        assert_eq!(sent.remaining(limit), Duration::ZERO);
    }
}
