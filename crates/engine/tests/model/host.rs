//! The host: the server's process, and the file in which the host remembers fences and signals.
//!
//! Modelled after the process driver of the executor. What is done under the file's lock is one step where only
//! the file is concerned, and two where the process is: everybody may be halted or end between a note and the
//! signal that it announces.

use slacktide_engine::fence::Fence;

use crate::{database::Executor, rows::Run};

/// One process, as pid, start time and boot tell it from every other.
pub(crate) type Identity = u8;

/// The rungs of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Signal {
    Term,
    Kill,
}

/// The host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    pub(crate) process: Option<Process>,
    born: Identity,
    pub(crate) file: File,
    /// Who holds the file's lock to send a signal: a thread that the end of its run does not end.
    pub(crate) sending: Option<Sending>,
}

/// The server's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) identity: Identity,
    /// Whether a signal has reached it. When it ends is its own affair.
    pub(crate) ending: bool,
    /// The run that started it, or found it running and wants that.
    pub(crate) kept_by: Option<Fence>,
}

/// What is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct File {
    pub(crate) fence: Option<Fence>,
    /// Signals of the fence's generation to one process.
    noted: Vec<Noted>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Noted {
    signal: Signal,
    identity: Identity,
    generation: i64,
}

/// A signal on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sending {
    pub(crate) by: Executor,
    pub(crate) run: Run,
    pub(crate) signal: Signal,
    pub(crate) identity: Identity,
}

impl Host {
    /// Whether this very process runs.
    pub(crate) fn runs(&self, identity: Identity) -> bool {
        let process = self.process.as_ref();
        process.is_some_and(|process| process.identity == identity)
    }

    /// Brings a process into being.
    pub(crate) fn start(&mut self) -> Identity {
        self.born += 1;
        self.process = Some(Process {
            identity: self.born,
            ending: false,
            kept_by: None,
        });
        self.born
    }
}

impl File {
    /// Signals of operations before this one are forgotten.
    pub(crate) fn raise(&mut self, fence: Fence) {
        self.fence = self.fence.max(Some(fence));
        let generation = self.fence.map(|fence| fence.generation);
        self.noted
            .retain(|noted| Some(noted.generation) == generation);
    }

    /// Those to other processes are forgotten: they have ended.
    pub(crate) fn note(&mut self, sending: &Sending) {
        self.noted
            .retain(|noted| noted.identity == sending.identity);
        self.noted.push(Noted::of(sending));
    }

    pub(crate) fn take_back(&mut self) {
        self.noted.pop();
    }

    /// Whether an earlier run of the same operation sent the signal to the same process, as far as is known.
    pub(crate) fn knows(&self, sending: &Sending) -> bool {
        self.noted.contains(&Noted::of(sending))
    }

    /// Whether the process got any signal, as far as is known.
    pub(crate) fn knows_any_to(&self, identity: Identity) -> bool {
        self.noted.iter().any(|noted| noted.identity == identity)
    }
}

impl Noted {
    fn of(sending: &Sending) -> Self {
        Self {
            signal: sending.signal,
            identity: sending.identity,
            generation: sending.run.generation,
        }
    }
}
