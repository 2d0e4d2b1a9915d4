//! What happens on the host by itself: signals on their way, and processes that end or are started.

use crate::{
    host::{Sending, Signal},
    promise::{Mistake, Promise},
    protocol::Steps,
    rows::Run,
    state::{Next, State},
};

impl Steps<'_> {
    pub(crate) fn of_host(&mut self) {
        match self.from.host.process {
            Some(process) if process.ending => {
                self.add(None, None, "the server's process ends", |state| {
                    state.host.process = None;
                });
            }
            None if self.from.left.strangers > 0 => {
                self.add(None, None, "somebody starts the server", |state| {
                    state.left.strangers -= 1;
                    state.host.start();
                });
            }
            _ => {}
        }
        if let Some(sending) = self.from.host.sending {
            self.go_on_sending(sending);
        }
    }

    /// The thread that holds the lock goes on, whatever has become of its run.
    fn go_on_sending(&mut self, sending: Sending) {
        let (who, run) = (Some(sending.by), Some(sending.run));
        if self.from.host.runs(sending.identity) {
            // To verify and to send is one step: a pidfd stays with its process, so it makes no difference
            // whether that ends before or in between.
            let mut next = self.from.clone();
            self.arrive(&mut next, &sending);
            release(&mut next, &sending, Next::Wait(sending.signal));
            self.add(who, run, "sends the signal", |state| *state = next);
        } else {
            let noted = !self.has(Mistake::NoNote);
            let what = "finds the process ended and takes the note back";
            self.add(who, run, what, |state| {
                if noted {
                    state.host.file.take_back();
                }
                release(state, &sending, Next::Confirm);
            });
        }
    }

    /// The signal reaches the process; nobody can take it back.
    fn arrive(&self, state: &mut State, sending: &Sending) {
        let own = Some(sending.run.fence());
        if state.past.raised > own {
            self.breaks(state, Promise::FencedOutSendsNothing);
        }
        let over = |run: Run| run.subtask == sending.run.subtask && run >= sending.run;
        if state.past.superseded.is_some_and(over) {
            self.breaks(state, Promise::SupersededSendsNothing);
        }
        // SIGKILL may be sent again: it does nothing to a process that the first one ends.
        if sending.signal == Signal::Term
            && state.past.termed.replace(sending.identity) == Some(sending.identity)
        {
            self.breaks(state, Promise::NothingIsSentTwice);
        }
        if let Some(process) = &mut state.host.process {
            process.ending = true;
            if process.kept_by > own {
                self.breaks(state, Promise::LaterStartIsNotKilled);
            }
        }
    }
}

/// Lets go of the lock. The run goes on if it still waits for this.
fn release(state: &mut State, sending: &Sending, next: Next) {
    state.host.sending = None;
    let waits = state.acts.iter().find(|act| {
        (act.by, act.run) == (sending.by, sending.run) && act.next == Next::Send(sending.signal)
    });
    if let Some(act) = waits.copied() {
        state.go_on(&act, next);
    }
}
