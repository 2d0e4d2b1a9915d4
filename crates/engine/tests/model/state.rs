//! A state of the whole: the database, two executors, one host, and what may still go wrong.

use slacktide_engine::{fence::Fence, kind::SubtaskKind, status::Operation};

use crate::{
    database::{Content, End, Executor, Seen},
    host::{Host, Identity, Signal},
    promise::Promise,
    rows::Run,
};

/// Where everything stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) content: Content,
    pub(crate) executors: [Life; 2],
    /// What executors are running, in order.
    pub(crate) acts: Vec<Act>,
    pub(crate) host: Host,
    pub(crate) left: Chances,
    pub(crate) past: Past,
}

/// An executor, apart from what it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Life {
    pub(crate) crashed: bool,
    /// Whether its lease was taken away, and it has not noticed yet.
    pub(crate) expired: bool,
    pub(crate) errand: Option<Errand>,
}

/// An executor is about to end somebody's run: a lost one by running it again, an overdue one for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Errand {
    /// The fence on the host comes first.
    Fence(Run, Aim),
    /// Nothing keeps it from committing.
    TakeOver(Run),
    /// It looks at the server of an overdue run.
    Look(Run),
    Expire(Run, Seen),
    /// It took over and is still to raise the fence: only by mistake.
    Owes(Run),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Aim {
    TakeOver,
    Expire,
}

/// A run, as the executor that runs it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Act {
    pub(crate) by: Executor,
    pub(crate) run: Run,
    /// Whether its task is to stop the server.
    pub(crate) of_stop: bool,
    pub(crate) kind: SubtaskKind,
    /// What it was to do when it began.
    pub(crate) operation: Operation,
    /// Journal of the server's process, as it was when the run began.
    pub(crate) journal: Option<Identity>,
    /// Whether it was told to hand itself back.
    pub(crate) interrupted: bool,
    pub(crate) next: Next,
}

/// What a run does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Next {
    Look,
    /// Make the intent of a later rung durable.
    Intend(Signal),
    /// Take the lock of the host's file, compare the fence, note the signal.
    Note(Signal),
    /// Wait for the thread that sends the signal.
    Send(Signal),
    /// Wait for the process to end.
    Wait(Signal),
    /// Prove that it left nothing behind.
    Confirm,
    /// Take the lock of the host's file, compare the fence, look again, start the server.
    Start,
    /// Wait for a process to end that got a signal before it was to be kept.
    Await(Identity),
    /// Watch whether the server stays.
    Settle(Identity),
    /// Told to end, fence itself out on the host, so that nothing of it goes on, and look.
    Quit {
        late: bool,
    },
    Commit(End),
    HandBack,
}

impl Next {
    /// Whether the run is on its way out.
    pub(crate) fn is_last(self) -> bool {
        matches!(self, Self::Quit { .. } | Self::Commit(_) | Self::HandBack)
    }
}

/// What may still go wrong, or is asked, each so many times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Chances {
    /// An executor that lives takes no step for so long that its lease is taken away. It may go on after.
    pub(crate) pauses: u8,
    /// An executor ends. One is left, so there is no second time.
    pub(crate) crashes: u8,
    /// A commit is made and its answer lost, or it is not made and given up.
    pub(crate) answers: u8,
    /// A run's time is over, or its wait for the lock of the host's file.
    pub(crate) deadlines: u8,
    /// A run does not end when its time is over: an executor ends it.
    pub(crate) overdue: u8,
    /// Somebody starts the server behind our back.
    pub(crate) strangers: u8,
    /// An operator cancels, retries or skips.
    pub(crate) commands: u8,
    /// An operator rolls the task back.
    pub(crate) rollbacks: u8,
    /// An operator begins another operation, once no task holds the cluster.
    pub(crate) starts: u8,
}

impl Chances {
    /// Whether nothing can happen but what befalls executors.
    pub(crate) fn spare_tasks(&self) -> bool {
        let executors = Self {
            pauses: self.pauses,
            crashes: self.crashes,
            answers: self.answers,
            ..Self::default()
        };
        *self == executors
    }
}

/// What promises are about and nobody in the protocol remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Past {
    /// The highest fence below which nothing is to be sent any more: raising it has returned.
    pub(crate) raised: Option<Fence>,
    /// The last run that touches a process and was taken over, or ended by somebody else.
    pub(crate) superseded: Option<Run>,
    /// The process that got the last SIGTERM.
    pub(crate) termed: Option<Identity>,
    pub(crate) broken: Option<Promise>,
}

impl State {
    pub(crate) fn lives(&self, executor: Executor) -> bool {
        !self.executors[executor].crashed
    }

    /// Whether the executor runs this very run.
    pub(crate) fn runs(&self, executor: Executor, run: Run) -> bool {
        let same = |act: &Act| act.by == executor && act.run == run;
        self.acts.iter().any(same)
    }

    /// Has an act do this next.
    pub(crate) fn go_on(&mut self, act: &Act, next: Next) {
        if let Some(found) = self.acts.iter_mut().find(|other| *other == act) {
            found.next = next;
        }
        self.acts.sort_unstable();
    }

    pub(crate) fn let_go(&mut self, act: &Act) {
        self.acts.retain(|other| other != act);
    }
}
