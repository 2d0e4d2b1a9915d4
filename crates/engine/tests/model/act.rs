//! The runs: look, signal or start, wait, prove, commit.

use slacktide_engine::{fence::Fence, kind::SubtaskKind, status::Operation};

use crate::{
    database::{End, Seen, Write},
    host::{Identity, Process, Sending, Signal},
    promise::Mistake,
    protocol::Steps,
    rows::touches_process,
    state::{Act, Next},
};

impl Steps<'_> {
    pub(crate) fn of_act(&mut self, act: &Act) {
        match act.next {
            Next::Look => self.look(act),
            Next::Intend(signal) => self.intend(act, signal),
            Next::Note(signal) => self.note(act, signal),
            Next::Send(_) => {}
            Next::Wait(signal) => self.wait(act, signal),
            Next::Confirm => self.confirm(act),
            Next::Start => self.start(act),
            Next::Await(identity) => self.await_end(act, identity),
            Next::Settle(identity) => self.settle(act, identity),
            Next::Quit { late } => self.quit(act, late),
            Next::Commit(end) => self.end(act, Write::Finish(act.run, end)),
            Next::HandBack => self.end(act, Write::HandBack(act.run)),
        }
        if !act.next.is_last() {
            self.break_off(act);
        }
    }

    /// The thread that sends a signal, once it has the lock, does not end with its run.
    fn break_off(&mut self, act: &Act) {
        if act.interrupted {
            self.go(act, "is interrupted", Next::HandBack);
        }
        if self.rows.cancels(act.run) && act.operation != Operation::Cancel {
            self.go(act, "is asked to end", Next::Quit { late: false });
        }
        if self.from.left.deadlines > 0 {
            self.be_late(act, "runs out of time", Next::Quit { late: true });
            let locks = matches!(act.next, Next::Note(_) | Next::Start);
            if locks && self.from.host.sending.is_some() {
                let next = Next::Commit(End::Failed(Seen::Unknown));
                self.be_late(act, "waits for the lock in vain", next);
            }
        }
    }

    /// A run that cannot fence itself out ends nevertheless: a thread that has the lock is not to be waited for.
    fn quit(&mut self, act: &Act, late: bool) {
        let end = match late {
            true => End::Expired,
            false => End::Failed,
        };
        if touches_process(act.kind) && self.from.host.sending.is_some() {
            let what = "cannot fence itself out, and says that it knows nothing";
            return self.go(act, what, Next::Commit(end(Seen::Unknown)));
        }
        let fence = Fence {
            epoch: act.run.epoch + 1,
            ..act.run.fence()
        };
        let next = Next::Commit(end(self.seen()));
        let fences = touches_process(act.kind);
        self.add(
            Some(act.by),
            Some(act.run),
            "fences itself out, and looks",
            |state| {
                if fences {
                    state.host.file.raise(fence);
                    state.past.raised = state.past.raised.max(Some(fence));
                }
                state.go_on(act, next);
            },
        );
    }

    fn go(&mut self, act: &Act, what: &'static str, next: Next) {
        self.add(Some(act.by), Some(act.run), what, |state| {
            state.go_on(act, next);
        });
    }

    fn be_late(&mut self, act: &Act, what: &'static str, next: Next) {
        self.add(Some(act.by), Some(act.run), what, |state| {
            state.left.deadlines -= 1;
            state.go_on(act, next);
        });
    }

    fn lose(&mut self, act: &Act, what: &'static str) {
        self.add(Some(act.by), Some(act.run), what, |state| state.let_go(act));
    }

    fn look(&mut self, act: &Act) {
        use Operation::{Cancel, Rollback, Skip};
        use SubtaskKind::*;
        let found = self.from.host.process.map(|process| process.identity);
        let wants_it_gone = match act.kind {
            StopObserverProcess => act.operation != Rollback,
            StartObserverProcess => act.operation == Rollback,
            UpdateObserverStatus => act.of_stop,
            _ => false,
        };
        let next = match (act.operation, act.kind) {
            (Cancel, _) => Next::Commit(End::Failed(self.seen())),
            (Skip, _) | (_, PrepareStopObserver | PrepareStartObserver) => {
                Next::Commit(End::Found(found))
            }
            (_, StopObserverProcess | StartObserverProcess) if !wants_it_gone => Next::Start,
            (_, StopObserverProcess | StartObserverProcess)
                if found.is_some() && found == act.journal =>
            {
                Next::Note(Signal::Term)
            }
            _ if wants_it_gone == found.is_none() => Next::Commit(End::Found(found)),
            _ => Next::Commit(End::Failed(self.seen())),
        };
        self.go(act, "looks", next);
    }

    /// The guard of an intent is that of an outcome: only the present run goes on.
    fn intend(&mut self, act: &Act, signal: Signal) {
        if self.rows.names(act.run) && !self.rows.cancels(act.run) {
            self.go(act, "announces a further signal", Next::Note(signal));
        } else {
            self.lose(act, "may announce nothing and lets go");
        }
    }

    /// Whether the lock of the host's file is free and no later run has been there. A run that is fenced out lets
    /// go: the row is somebody else's, or will be.
    fn is_let_in(&mut self, act: &Act) -> bool {
        if self.from.host.sending.is_some() {
            return false;
        }
        let higher = self.from.host.file.fence > Some(act.run.fence());
        if !higher || self.has(Mistake::NoFence) {
            return true;
        }
        if self.has(Mistake::FencedOutFails) {
            let next = Next::Commit(End::Failed(Seen::Unknown));
            self.go(act, "finds itself fenced out", next);
        } else {
            self.lose(act, "finds itself fenced out and lets go");
        }
        false
    }

    fn note(&mut self, act: &Act, signal: Signal) {
        let Some(identity) = act.journal.filter(|_| self.is_let_in(act)) else {
            return;
        };
        let sending = Sending {
            by: act.by,
            run: act.run,
            signal,
            identity,
        };
        let repeats = signal == Signal::Term && self.from.host.file.knows(&sending);
        let noted = !self.has(Mistake::NoNote);
        let what = match repeats {
            true => "raises the fence and finds the signal noted",
            false => "raises the fence and notes the signal",
        };
        self.add(Some(act.by), Some(act.run), what, |state| {
            state.host.file.raise(act.run.fence());
            if repeats {
                return state.go_on(act, Next::Wait(signal));
            }
            if noted {
                state.host.file.note(&sending);
            }
            state.host.sending = Some(sending);
            state.go_on(act, Next::Send(signal));
        });
    }

    fn wait(&mut self, act: &Act, signal: Signal) {
        let runs = |identity| self.from.host.runs(identity);
        if !act.journal.is_some_and(runs) {
            self.confirm(act);
        } else if signal == Signal::Term {
            // Nothing comes after SIGKILL: waiting for that in vain is a matter of the run's own time.
            self.go(act, "waited in vain", Next::Intend(Signal::Kill));
        }
    }

    fn confirm(&mut self, act: &Act) {
        let next = match self.from.host.process {
            None => End::Found(None),
            Some(_) => End::Failed(Seen::Alive),
        };
        let what = "sees that the process ended, and looks what is left";
        self.go(act, what, Next::Commit(next));
    }

    /// To look and to start is one step, under the lock: nobody gets that before the new process can be seen.
    fn start(&mut self, act: &Act) {
        if !self.is_let_in(act) {
            return;
        }
        let mut file = self.from.host.file.clone();
        file.raise(act.run.fence());
        let dies = |process: &Process| file.knows_any_to(process.identity);
        let dying = self.from.host.process.filter(dies);
        let dying = dying.filter(|_| !self.has(Mistake::StartTrusts));
        let what = match (dying, self.from.host.process) {
            (Some(_), _) => "raises the fence and finds a server that got a signal",
            (None, Some(_)) => "raises the fence and finds the server running",
            (None, None) => "raises the fence and starts the server",
        };
        self.add(Some(act.by), Some(act.run), what, |state| {
            state.host.file = file;
            if let Some(process) = dying {
                return state.go_on(act, Next::Await(process.identity));
            }
            if state.host.process.is_none() {
                state.host.start();
            }
            if let Some(process) = &mut state.host.process {
                process.kept_by = Some(act.run.fence());
                let next = Next::Settle(process.identity);
                state.go_on(act, next);
            }
        });
    }

    /// What was noted may never have been sent.
    fn await_end(&mut self, act: &Act, identity: Identity) {
        if self.from.host.runs(identity) {
            let next = Next::Commit(End::Failed(Seen::Alive));
            self.go(act, "waited in vain", next);
        } else {
            self.go(act, "sees that the process ended", Next::Start);
        }
    }

    fn settle(&mut self, act: &Act, identity: Identity) {
        let end = match self.from.host.runs(identity) {
            true => End::Found(Some(identity)),
            false => End::Failed(self.seen()),
        };
        self.go(act, "sees whether the server stays", Next::Commit(end));
    }

    /// Without an answer it tries again, until it is refused or gives up.
    fn end(&mut self, act: &Act, write: Write) {
        let what = ["commits its end", "is over: its end is dropped"];
        self.add_commit(act.by, Some(act.run), what, write, |state, answered| {
            if answered {
                state.let_go(act);
            }
        });
        if self.from.left.answers > 0 {
            let what = "cannot commit its end and gives up";
            self.add(Some(act.by), Some(act.run), what, |state| {
                state.left.answers -= 1;
                state.let_go(act);
            });
        }
    }
}
