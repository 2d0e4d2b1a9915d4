//! What executors do beside their runs: they keep their leases, watch each other's, claim, and take over.

use slacktide_engine::{fence::Fence, status::SubtaskStatus};

use crate::{
    database::{Executor, Write},
    promise::Mistake,
    protocol::Steps,
    rows::{Run, touches_process},
    state::{Aim, Errand, State},
};

impl Steps<'_> {
    pub(crate) fn of_executor(&mut self, own: Executor) {
        self.keep_lease(own);
        self.watch(own, 1 - own);
        if self.rows.standing(SubtaskStatus::Ready).next().is_some() {
            let what = ["claims", "claims in vain"];
            self.add_commit(own, None, what, Write::Claim, |_, _| {});
        }
        match self.from.executors[own].errand {
            None => self.notice(own),
            Some(errand) => self.pursue(own, errand),
        }
        if self.from.left.crashes > 0 {
            self.add(Some(own), None, "crashes", |state| crash(state, own));
        }
    }

    fn keep_lease(&mut self, own: Executor) {
        if !self.from.executors[own].expired {
            return;
        }
        let what = "finds its lease gone, interrupts its runs, begins again";
        self.add(Some(own), None, what, |state| {
            state.executors[own].expired = false;
            for act in state.acts.iter_mut().filter(|act| act.by == own) {
                act.interrupted = true;
            }
            state.acts.sort_unstable();
        });
    }

    /// A lease's counter decides when it is over. Here that may be at any moment: no promise rests on it.
    fn watch(&mut self, own: Executor, other: Executor) {
        let pauses = self.from.lives(other);
        if !self.from.executors[other].expired && (!pauses || self.from.left.pauses > 0) {
            self.add(Some(own), None, "ends the other's lease", |state| {
                state.left.pauses -= u8::from(pauses);
                state.executors[other].expired = true;
            });
        }
    }

    fn notice(&mut self, own: Executor) {
        // Without a lease it would take over from itself, again and again, until it finds that gone.
        let leased = !self.from.executors[own].expired;
        let runs: Vec<_> = self.rows.runs().collect();
        for (owner, run) in runs {
            let orphaned = self.from.executors[owner].expired;
            let forgotten = owner == own && !self.from.runs(own, run);
            if leased && (orphaned || forgotten && !self.has(Mistake::NeverCompares)) {
                let errand = match touches_process(self.rows.kind(run)) {
                    true => Errand::Fence(run, Aim::TakeOver),
                    false => Errand::TakeOver(run),
                };
                self.add(Some(own), Some(run), "is seen to be lost", |state| {
                    state.executors[own].errand = Some(errand);
                });
            }
            if self.from.left.overdue > 0 {
                let errand = match touches_process(self.rows.kind(run)) {
                    true => Errand::Fence(run, Aim::Expire),
                    false => Errand::Look(run),
                };
                self.add(Some(own), Some(run), "is seen to be overdue", |state| {
                    state.left.overdue -= 1;
                    state.executors[own].errand = Some(errand);
                });
            }
        }
    }

    fn pursue(&mut self, own: Executor, errand: Errand) {
        match errand {
            Errand::Fence(run, Aim::TakeOver) if self.has(Mistake::FenceLast) => {
                self.take_over(own, run, Some(Errand::Owes(run)));
            }
            Errand::Fence(run, Aim::TakeOver) => self.raise(own, run, Some(Errand::TakeOver(run))),
            Errand::Fence(run, Aim::Expire) if self.has(Mistake::ExpireUnfenced) => {
                self.look_into(own, run);
            }
            Errand::Fence(run, Aim::Expire) => self.raise(own, run, Some(Errand::Look(run))),
            Errand::TakeOver(run) => self.take_over(own, run, None),
            Errand::Look(run) => self.look_into(own, run),
            Errand::Expire(run, seen) => {
                let what = ["is ended", "ended by itself"];
                self.add_commit(
                    own,
                    Some(run),
                    what,
                    Write::Expire(run, seen),
                    |state, _| {
                        state.executors[own].errand = None;
                    },
                );
            }
            Errand::Owes(run) => self.raise(own, run, None),
        }
    }

    fn look_into(&mut self, own: Executor, run: Run) {
        let errand = Errand::Expire(run, self.seen());
        self.add(Some(own), Some(run), "is looked into", |state| {
            state.executors[own].errand = Some(errand);
        });
    }

    fn take_over(&mut self, own: Executor, run: Run, then: Option<Errand>) {
        let what = ["is taken over", "is not to be had any more"];
        self.add_commit(own, Some(run), what, Write::TakeOver(run), |state, _| {
            state.executors[own].errand = then;
        });
    }

    /// One above the run: whatever epoch the next one gets is at least that.
    fn raise(&mut self, own: Executor, run: Run, then: Option<Errand>) {
        if self.from.host.sending.is_some() {
            return;
        }
        let fence = Fence {
            epoch: run.epoch + 1,
            ..run.fence()
        };
        self.add(Some(own), Some(run), "is fenced out on the host", |state| {
            state.host.file.raise(fence);
            state.past.raised = state.past.raised.max(Some(fence));
            state.executors[own].errand = then;
        });
    }
}

fn crash(state: &mut State, own: Executor) {
    state.left.crashes -= 1;
    state.executors[own].crashed = true;
    state.executors[own].errand = None;
    state.acts.retain(|act| act.by != own);
    // The system lets go of a lock whose holder has ended.
    state.host.sending = state.host.sending.filter(|sending| sending.by != own);
}
