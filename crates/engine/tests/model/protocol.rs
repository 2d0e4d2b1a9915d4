//! The protocol: what can happen next, and what is held of each commit.

use std::{fmt, rc::Rc};

use slacktide_engine::{
    kind::SubtaskKind::{PrepareStopCluster, PrepareStopObserver, StopObserverProcess},
    status::{Goal, ResourceStatus, SubtaskStatus, TaskStatus},
};

use crate::{
    database::{Command, Database, End, Executor, Seen, Write},
    explore,
    host::Host,
    promise::{Mistake, Promise},
    rows::{Rows, Run, touches_process},
    state::{Act, Chances, Next, Past, State},
};

/// The protocol, right or with one mistake, under so many chances.
pub(crate) struct Fencing {
    pub(crate) chances: Chances,
    pub(crate) mistake: Option<Mistake>,
    /// The only promise to watch; all, if there is none.
    pub(crate) only: Option<Promise>,
    pub(crate) database: Database,
}

impl Fencing {
    pub(crate) fn new(chances: Chances) -> Self {
        Self {
            chances,
            mistake: None,
            only: None,
            database: Database::default(),
        }
    }

    /// Begins what was claimed.
    fn begin(&self, state: &mut State, by: Executor, claimed: Vec<Run>) {
        let rows = self.database.rows(state.content);
        state.acts.extend(claimed.into_iter().map(|run| Act {
            by,
            run,
            of_stop: rows.task.kind.goal() == Goal::Stop,
            kind: rows.kind(run),
            operation: rows.operation(run),
            journal: rows.journal,
            interrupted: false,
            next: Next::Look,
        }));
        state.acts.sort_unstable();
    }
}

/// A step, as a counterexample tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    who: Option<Executor>,
    run: Option<Run>,
    what: &'static str,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(executor) = self.who {
            write!(f, "executor {executor}: ")?;
        }
        if let Some(run) = self.run {
            write!(f, "run {} of subtask {} ", run.epoch, run.subtask)?;
        }
        f.write_str(self.what)
    }
}

impl explore::Protocol for Fencing {
    type State = State;
    type Step = Step;
    type Promise = Promise;

    const ENDS: Promise = Promise::EndsAreReached;

    /// A stop has come to where its process is to be stopped; until then nothing is changed on the host. Executors
    /// differ by name alone, so it may as well be the first one that has come there.
    fn initial(&self) -> State {
        let mut state = State {
            content: self.database.insert(Rows::of_stop()),
            executors: Default::default(),
            acts: Vec::new(),
            host: Host::default(),
            left: self.chances,
            past: Past::default(),
        };
        let found = state.host.start();
        let mut run = None;
        for _ in [PrepareStopCluster, PrepareStopObserver, StopObserverProcess] {
            let write = run.map_or(Write::Claim, |run| {
                Write::Finish(run, End::Found(Some(found)))
            });
            let committed = self.database.commit(state.content, Some(0), write).unwrap();
            state.content = committed.content;
            run = committed.claimed.first().copied();
        }
        self.begin(&mut state, 0, run.into_iter().collect());
        state
    }

    fn steps(&self, from: &State) -> Vec<(Step, State)> {
        let mut steps = Steps {
            protocol: self,
            from,
            rows: self.database.rows(from.content),
            found: Vec::new(),
        };
        steps.of_host();
        steps.of_operators();
        for executor in 0..from.executors.len() {
            if from.lives(executor) && !self.is_end(from) {
                steps.of_executor(executor);
            }
        }
        for act in &from.acts {
            steps.of_act(act);
        }
        steps.found
    }

    fn broken(&self, state: &State) -> Option<Promise> {
        state.past.broken
    }

    fn is_end(&self, state: &State) -> bool {
        let idle = state.acts.is_empty() && state.host.sending.is_none();
        idle && self.database.rows(state.content).status() != TaskStatus::Running
    }
}

/// What can happen next.
pub(crate) struct Steps<'a> {
    protocol: &'a Fencing,
    pub(crate) from: &'a State,
    pub(crate) rows: Rc<Rows>,
    found: Vec<(Step, State)>,
}

impl Steps<'_> {
    /// Adds a step.
    pub(crate) fn add(
        &mut self,
        who: Option<Executor>,
        run: Option<Run>,
        what: &'static str,
        change: impl FnOnce(&mut State),
    ) {
        let mut next = self.from.clone();
        change(&mut next);
        self.found.push((Step { who, run, what }, next));
    }

    pub(crate) fn has(&self, mistake: Mistake) -> bool {
        self.protocol.mistake == Some(mistake)
    }

    pub(crate) fn breaks(&self, state: &mut State, promise: Promise) {
        if self.protocol.only.is_none_or(|only| only == promise) {
            state.past.broken.get_or_insert(promise);
        }
    }

    /// What can be seen of the server.
    pub(crate) fn seen(&self) -> Seen {
        match self.from.host.process {
            Some(_) => Seen::Alive,
            None => Seen::Gone,
        }
    }

    fn of_operators(&mut self) {
        let left = self.from.left;
        if left.starts > 0 {
            let what = "an operator starts the cluster";
            self.add_command(Write::StartCluster, what, |left| left.starts -= 1);
        }
        if left.rollbacks > 0 {
            let what = "an operator rolls the task back";
            let write = Write::Command(Command::RollBackTask);
            self.add_command(write, what, |left| left.rollbacks -= 1);
        }
        if left.commands > 0 {
            let failed = self.rows.standing(SubtaskStatus::Failed);
            let running = self.rows.standing(SubtaskStatus::Running);
            let skips = failed.map(|id| (Command::Skip(id), "an operator skips what failed"));
            let cancels = running.map(|id| (Command::Cancel(id), "an operator cancels what runs"));
            let of_task = [
                (Command::RetryTask, "an operator retries the task"),
                (Command::CancelTask, "an operator cancels the task"),
            ];
            let commands: Vec<_> = skips.chain(cancels).chain(of_task).collect();
            for (command, what) in commands {
                let write = Write::Command(command);
                self.add_command(write, what, |left| left.commands -= 1);
            }
        }
    }

    fn add_command(&mut self, write: Write, what: &'static str, spend: impl Fn(&mut Chances)) {
        let mut next = self.from.clone();
        spend(&mut next.left);
        if self.commit(&mut next, None, write).is_some() {
            self.add(None, None, what, |state| *state = next);
        }
    }

    /// Adds a commit of an executor as it may turn out: answered, and made without an answer. What is claimed
    /// without an answer is not begun.
    ///
    /// `then` changes what the executor knows; it is told whether it was answered.
    pub(crate) fn add_commit(
        &mut self,
        by: Executor,
        run: Option<Run>,
        what: [&'static str; 2],
        write: Write,
        then: impl Fn(&mut State, bool),
    ) {
        let mut next = self.from.clone();
        let committed = self.commit(&mut next, Some(by), write);
        if self.from.left.answers > 0 && committed.is_some() {
            let mut unanswered = next.clone();
            unanswered.left.answers -= 1;
            then(&mut unanswered, false);
            let what = "commits, and the answer is lost";
            self.add(Some(by), run, what, |state| *state = unanswered);
        }
        let [done, refused] = what;
        let what = if committed.is_some() { done } else { refused };
        then(&mut next, true);
        self.protocol
            .begin(&mut next, by, committed.unwrap_or_default());
        self.add(Some(by), run, what, |state| *state = next);
    }

    /// Commits, and holds what must hold of a commit. Returns what was claimed, unless the engine refuses.
    fn commit(&self, state: &mut State, by: Option<Executor>, write: Write) -> Option<Vec<Run>> {
        let before = &self.rows;
        let guarded = match write {
            Write::Finish(run, end) if self.has(Mistake::NoEpoch) => {
                let epoch = before.epoch(run.subtask);
                Write::Finish(Run { epoch, ..run }, end)
            }
            write => write,
        };
        let database = &self.protocol.database;
        let committed = database.commit(state.content, by, guarded)?;
        state.content = committed.content;
        match write {
            Write::Finish(run, _) | Write::HandBack(run) if !before.names(run) => {
                self.breaks(state, Promise::OnlyThePresentRunEnds);
            }
            Write::TakeOver(run) | Write::Expire(run, _) if touches_process(before.kind(run)) => {
                state.past.superseded = state.past.superseded.max(Some(run));
            }
            _ => {}
        }
        let grow = |run: &Run| run.epoch > before.epoch(run.subtask);
        if !committed.claimed.iter().all(grow) {
            self.breaks(state, Promise::EpochsGrow);
        }
        self.check_statuses(state, &database.rows(committed.content), write);
        Some(committed.claimed)
    }

    fn check_statuses(&self, state: &mut State, after: &Rows, write: Write) {
        let before = &self.rows;
        let process = &state.host.process;
        let runs = process.is_some_and(|process| !process.ending);
        let is = |rows: &Rows, status| rows.server.status == status;

        let stopped = ResourceStatus::Stopped;
        if is(after, stopped) && !is(before, stopped) {
            let seen_gone = matches!(
                write,
                Write::Finish(
                    _,
                    End::Found(None) | End::Failed(Seen::Gone) | End::Expired(Seen::Gone)
                ) | Write::Expire(_, Seen::Gone)
            );
            if !seen_gone || process.is_some() && self.protocol.chances.strangers == 0 {
                self.breaks(state, Promise::StoppedWasSeen);
            }
        }
        let ended = after.status() != before.status();
        let well = after.status() == TaskStatus::Successful && !after.was_skipped();
        if ended && well && is(after, ResourceStatus::Running) && !runs {
            self.breaks(state, Promise::RunningIsLeftRunning);
        }
        if self.protocol.chances.spare_tasks() && after.status() == TaskStatus::Failed {
            self.breaks(state, Promise::ExecutorsFailNothing);
        }
    }
}
