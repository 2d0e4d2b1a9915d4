//! What this host remembers of a base directory: the highest fence, and the signals that were sent.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use slacktide_engine::fence::Fence;

use super::identity::{Identity, Process};
use super::ladder::Signal;

/// What no executor of this host may forget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::driver) struct State {
    /// No signal of a lower fence is sent any more.
    pub(super) fence: Option<Fence>,
    /// Signals to one process, oldest first, of each kind the last one.
    pub(super) sent: Vec<Sent>,
    /// The last start that an executor of this host began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<Start>,
}

/// A start, noted before it was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) generation: i64,
    pub(super) epoch: i64,
    /// On whose behalf, as the caller said.
    pub(super) by: String,
    /// What the program was given to be known by; nothing in a note of an earlier version.
    #[serde(default)]
    pub(super) mark: Option<String>,
    /// The process that came of it, once it was seen.
    pub(super) process: Option<Started>,
}

/// A process that was started here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Started {
    pid: i32,
    start_time: u64,
    boot_id: String,
}

impl Start {
    pub(super) fn new(fence: Fence, by: &str) -> Self {
        Self {
            generation: fence.generation,
            epoch: fence.epoch,
            by: by.to_owned(),
            mark: Some(format!(
                "{}.{}.{}",
                fence.generation,
                fence.epoch,
                now_micros()
            )),
            process: None,
        }
    }

    pub(super) fn came_to(&mut self, identity: &Identity) {
        self.process = Some(Started {
            pid: identity.pid,
            start_time: identity.start_time,
            boot_id: identity.boot_id.clone(),
        });
    }

    /// On whose behalf this process was started, if by this start.
    ///
    /// One that was never written down, since the start was canceled or its executor died before, is known by the mark
    /// that it was given. What else was started meanwhile, by the same command even, has none.
    pub(super) fn by(&self, process: &Process) -> Option<&str> {
        let identity = &process.identity;
        let same = match &self.process {
            Some(started) => {
                (started.pid, started.start_time) == (identity.pid, identity.start_time)
                    && started.boot_id == identity.boot_id
            }
            None => self.mark.is_some() && self.mark.as_deref() == process.launch.mark(),
        };
        same.then_some(self.by.as_str())
    }
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
    reason = "it bounds a wait and tells starts apart; it orders nothing"
)]
fn now_micros() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

impl State {
    /// Takes a fence. The notes of signals stay: the operation that sent one may be over before it works.
    pub(super) fn raise(&mut self, fence: Fence) {
        self.fence = self.fence.max(Some(fence));
    }

    /// Notes a signal. Those to other processes are forgotten: they have ended.
    pub(super) fn note(&mut self, sent: Sent) {
        self.sent
            .retain(|earlier| earlier.is_to_same(&sent) && earlier.signal != sent.signal);
        self.sent.push(sent);
    }

    /// What operation `generation` sent to the process.
    pub(super) fn sent_to(
        &self,
        identity: &Identity,
        generation: i64,
    ) -> impl Iterator<Item = &Sent> {
        self.all_sent_to(identity)
            .filter(move |sent| sent.generation == generation)
    }

    /// What any operation sent to the process.
    pub(super) fn all_sent_to(&self, identity: &Identity) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(move |sent| sent.went_to(identity))
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
    fn the_fence_only_rises_and_a_new_generation_forgets_no_signal() {
        let mut state = State::default();
        state.raise(fence(1, 9));
        state
            .sent
            .push(Sent::new(Signal::Term, &identity(), fence(1, 9), false));
        state.raise(fence(1, 3));
        assert_eq!((state.fence, state.sent.len()), (Some(fence(1, 9)), 1));
        state.raise(fence(2, 1));
        assert_eq!((state.fence, state.sent.len()), (Some(fence(2, 1)), 1));
        assert_eq!(state.sent_to(&identity(), 2).count(), 0);
        assert_eq!(state.all_sent_to(&identity()).count(), 1);
    }

    #[test]
    fn of_each_kind_of_signal_one_note_is_kept_however_many_operations_send_it() {
        let mut state = State::default();
        for generation in 1..100 {
            for signal in [Signal::Usr1, Signal::Term, Signal::Kill] {
                let fence = fence(generation, 1);
                state.raise(fence);
                state.note(Sent::new(signal, &identity(), fence, false));
            }
        }
        assert_eq!(state.sent.len(), 3);
        assert_eq!(state.sent_to(&identity(), 99).count(), 3);
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
