//! The database: the rows of the cluster's present task, which the real engine changes.
//!
//! A commit is one step of the model, since it is one transaction that begins with the lock on the task's row.
//! Contents are numbered, and each commit on each content is computed once: so the model's states stay small.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use slacktide_engine::{
    commit::{Claimant, Event, Failure, Observation, Outcome},
    id::SubtaskId,
    status::{Goal, SubtaskStatus},
};

use crate::{
    cluster::HOST,
    host::Identity,
    rows::{Rows, Run},
};

/// An executor, by its place in the model.
pub(crate) type Executor = usize;

pub(crate) const EXECUTORS: [&str; 2] = ["executor-0", "executor-1"];

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum End {
    /// Well, with the process that it found.
    Found(Option<Identity>),
    /// Badly.
    Failed(Seen),
    /// Its time was over.
    Expired(Seen),
}

/// What a run says that it saw last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Seen {
    Gone,
    Alive,
    Unknown,
}

/// What is asked of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    Claim,
    TakeOver(Run),
    Finish(Run, End),
    HandBack(Run),
    Expire(Run, Seen),
    Command(Command),
    /// Another operation is accepted, if no task holds the cluster.
    StartCluster,
}

/// What operators ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Command {
    RetryTask,
    RollBackTask,
    CancelTask,
    Skip(SubtaskId),
    Cancel(SubtaskId),
}

/// A content of the database, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Content(usize);

/// What a commit came to.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(crate) content: Content,
    /// What the committing executor must run now.
    pub(crate) claimed: Vec<Run>,
}

/// Every content that was met, and every commit that was tried on one.
#[derive(Default)]
pub(crate) struct Database {
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    contents: Vec<Rc<Rows>>,
    numbers: HashMap<String, Content>,
    commits: HashMap<(Content, Option<Executor>, Write), Option<Committed>>,
}

impl Database {
    pub(crate) fn insert(&self, rows: Rows) -> Content {
        let known = &mut *self.known.borrow_mut();
        let next = Content(known.contents.len());
        *known.numbers.entry(format!("{rows:?}")).or_insert_with(|| {
            known.contents.push(Rc::new(rows));
            next
        })
    }

    pub(crate) fn rows(&self, content: Content) -> Rc<Rows> {
        Rc::clone(&self.known.borrow().contents[content.0])
    }

    /// Commits on an executor's behalf, or on an operator's; `None` if the engine refuses.
    pub(crate) fn commit(
        &self,
        on: Content,
        by: Option<Executor>,
        write: Write,
    ) -> Option<Committed> {
        if let Some(known) = self.known.borrow().commits.get(&(on, by, write)) {
            return known.clone();
        }
        let committed = decide(&self.rows(on), by, write).map(|(rows, claimed)| Committed {
            content: self.insert(rows),
            claimed,
        });
        let commits = &mut self.known.borrow_mut().commits;
        commits.insert((on, by, write), committed.clone());
        committed
    }
}

fn decide(on: &Rows, by: Option<Executor>, write: Write) -> Option<(Rows, Vec<Run>)> {
    if write == Write::StartCluster {
        return Some((on.followed_by(Goal::Start)?, Vec::new()));
    }
    let claimant = by.map_or_else(Claimant::none, |executor| Claimant {
        executor: EXECUTORS[executor].to_owned(),
        host: HOST.to_owned(),
        room: 1,
        host_room: 1,
        ..Claimant::none()
    });
    let (mut rows, claimed) = on.advance(&event(on, write)?, &claimant)?;
    if let Write::Finish(run, End::Found(process)) = write {
        rows.write_journal(run, process);
    }
    Some((rows, claimed))
}

/// `None` for a run of a task that is over: its row is no longer RUNNING.
fn event(on: &Rows, write: Write) -> Option<Event> {
    let of_task = |run: Run| (run.generation == on.task.generation).then_some(run);
    Some(match write {
        Write::Claim => Event::Claim {
            subtasks: on.standing(SubtaskStatus::Ready).collect(),
        },
        Write::TakeOver(run) => {
            let Run { subtask, epoch, .. } = of_task(run)?;
            let runs = vec![(subtask, epoch)];
            Event::TakeOver { runs }
        }
        Write::Finish(run, end) => {
            let Run { subtask, epoch, .. } = of_task(run)?;
            let outcome = outcome(end);
            Event::Finish {
                subtask,
                epoch,
                outcome,
            }
        }
        Write::HandBack(run) => {
            let Run { subtask, epoch, .. } = of_task(run)?;
            Event::HandBack { subtask, epoch }
        }
        Write::Expire(run, seen) => {
            let Run { subtask, epoch, .. } = of_task(run)?;
            let observed = Some(observation(seen));
            Event::Expire {
                subtask,
                epoch,
                observed,
            }
        }
        Write::Command(command) => match command {
            Command::RetryTask => Event::RetryTask,
            Command::RollBackTask => Event::RollbackTask,
            Command::CancelTask => Event::CancelTask,
            Command::Skip(subtask) => Event::SkipSubtask(subtask),
            Command::Cancel(subtask) => Event::CancelSubtask(subtask),
        },
        Write::StartCluster => return None,
    })
}

fn outcome(end: End) -> Outcome {
    let failure = |expired| Failure {
        expired,
        ..Failure::new("no reason")
    };
    let (result, seen) = match end {
        End::Found(None) => (Ok(()), Seen::Gone),
        End::Found(Some(_)) => (Ok(()), Seen::Alive),
        End::Failed(seen) => (Err(failure(false)), seen),
        End::Expired(seen) => (Err(failure(true)), seen),
    };
    let observed = Some(observation(seen));
    Outcome { result, observed }
}

fn observation(seen: Seen) -> Observation {
    match seen {
        Seen::Gone => Observation::Gone,
        Seen::Alive => Observation::Alive,
        Seen::Unknown => Observation::Unknown,
    }
}
