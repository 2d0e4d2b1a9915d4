//! What executors and operators may do at any time, sensible or not.

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use slacktide_engine::{
    commit::{Claimant, Event, Failure, Observation, Outcome},
    id::SubtaskId,
    status::SubtaskStatus::{self, Canceling, Failed, Ready, Running},
    time::Micros,
};

use crate::{
    host::{claim_all, finish},
    topology::{ACCEPTED, LABELS},
    world::World,
};

/// Executors with their hosts and labels; two share a host, one of these without labels, and one is where no
/// server lives.
pub(crate) const EXECUTORS: [(&str, &str, &str); 5] = [
    ("e0", "h0", LABELS),
    ("e1", "h0", ""),
    ("e2", "h1", LABELS),
    ("e3", "h2", LABELS),
    ("e4", "elsewhere", LABELS),
];

pub(crate) fn claimant(executor: (&str, &str, &str), room: usize, host_room: usize) -> Claimant {
    let (name, host, labels) = executor;
    Claimant {
        executor: name.to_owned(),
        host: host.to_owned(),
        labels: labels.parse().unwrap(),
        room,
        host_room,
    }
}

#[derive(Clone, Debug)]
enum Move {
    /// Everybody takes and ends well what there is.
    Round { observed: Option<Observation> },
    /// Claims READY subtasks, or any, whatever their status.
    Claim { ready: bool, picks: Vec<Index> },
    /// Takes over present runs, or any run that ever was.
    TakeOver { picks: Vec<Run> },
    /// Ends a run.
    Finish { run: Run, outcome: Outcome },
    /// Gives a run back.
    HandBack { run: Run },
    /// Ends somebody else's run.
    Expire {
        run: Run,
        observed: Option<Observation>,
    },
    /// Finds nobody for present runs, or for any run that ever was.
    Abandon { picks: Vec<Run> },
    /// Finds nobody for READY subtasks, or for any.
    Strand { ready: bool, picks: Vec<Index> },
    /// An operator's word on the whole task.
    OfTask(Event),
    /// An operator's word on a subtask that it makes sense for, or on any.
    OfSubtask {
        sensible: bool,
        pick: Index,
        what: fn(SubtaskId) -> Event,
    },
}

/// A present run, or any that ever was; with a skewed epoch, one that never was.
#[derive(Clone, Debug)]
struct Run {
    present: bool,
    pick: Index,
    skew: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Turn {
    executor: (&'static str, &'static str, &'static str),
    room: usize,
    host_room: usize,
    /// How far the executor's clock is from the time at which the task was accepted.
    clock: i64,
    what: Move,
}

fn any_observation() -> impl Strategy<Value = Option<Observation>> {
    prop_oneof![
        6 => Just(Some(Observation::Gone)),
        2 => Just(Some(Observation::Alive)),
        1 => select(vec![None, Some(Observation::Unknown)]),
    ]
}

fn any_outcome(fails: u32) -> impl Strategy<Value = Outcome> {
    let failure = (0..4_u8, any::<Option<i32>>()).prop_map(|(class, code)| Failure {
        expired: class == 0,
        transient: class > 1,
        code,
        ..Failure::new("the disk is on fire")
    });
    let result = prop_oneof![
        12 => Just(Ok(())),
        fails => failure.prop_map(Err),
    ];
    (result, any_observation()).prop_map(|(result, observed)| Outcome { result, observed })
}

fn often() -> impl Strategy<Value = bool> {
    proptest::bool::weighted(0.8)
}

fn any_run() -> impl Strategy<Value = Run> {
    let skew = prop_oneof![20 => Just(0), 1 => -2..=2_i64];
    (often(), any::<Index>(), skew).prop_map(|(present, pick, skew)| Run {
        present,
        pick,
        skew,
    })
}

fn any_command() -> impl Strategy<Value = Move> {
    let of_task = vec![
        Event::RetryTask,
        Event::RetryTask,
        Event::RollbackTask,
        Event::CancelTask,
    ];
    let of_subtask: Vec<fn(SubtaskId) -> Event> = vec![
        Event::RetrySubtask,
        Event::SkipSubtask,
        Event::CancelSubtask,
    ];
    prop_oneof![
        1 => select(of_task).prop_map(Move::OfTask),
        2 => (often(), any::<Index>(), select(of_subtask))
            .prop_map(|(sensible, pick, what)| Move::OfSubtask { sensible, pick, what }),
    ]
}

fn any_turn(fails: u32, commands: u32) -> impl Strategy<Value = Turn> {
    let picks = |most| vec(any::<Index>(), 0..most);
    let what = prop_oneof![
        8 => any_observation().prop_map(|observed| Move::Round { observed }),
        16 => (often(), picks(6)).prop_map(|(ready, picks)| Move::Claim { ready, picks }),
        8 => vec(any_run(), 0..4).prop_map(|picks| Move::TakeOver { picks }),
        32 => (any_run(), any_outcome(fails)).prop_map(|(run, outcome)| Move::Finish { run, outcome }),
        4 => any_run().prop_map(|run| Move::HandBack { run }),
        commands => (any_run(), any_observation())
            .prop_map(|(run, observed)| Move::Expire { run, observed }),
        commands => vec(any_run(), 0..3).prop_map(|picks| Move::Abandon { picks }),
        commands => (often(), picks(3)).prop_map(|(ready, picks)| Move::Strand { ready, picks }),
        3 * commands => any_command(),
    ];
    let room = || prop_oneof![1 => Just(0), 2 => 1..4_usize, 3 => Just(100)];
    let clock = prop_oneof![4 => -1_000..10_000_i64, 1 => 0..9_000_000_i64];
    (select(&EXECUTORS), room(), room(), clock, what).prop_map(
        |(executor, room, host_room, clock, what)| Turn {
            executor,
            room,
            host_room,
            clock,
            what,
        },
    )
}

/// Histories in which nothing fails, some things do, and operators interfere.
pub(crate) fn any_turns() -> impl Strategy<Value = Vec<Turn>> {
    let how = select(vec![(0, 0), (2, 0), (4, 1), (4, 4), (2, 8), (1, 20)]);
    how.prop_flat_map(|(fails, commands)| vec(any_turn(fails, commands), 0..100))
}

impl Turn {
    /// Refusals are among what is tested: the world checks that each is the right one.
    pub(crate) fn take(&self, world: &mut World) {
        let now = Micros(ACCEPTED.0 + self.clock);
        let claimant = match self.what {
            Move::OfTask(_) | Move::OfSubtask { .. } => Claimant::none(),
            _ => claimant(self.executor, self.room, self.host_room),
        };
        if let Move::Round { observed } = self.what {
            claim_all(world);
            for subtask in standing(world, &[Running, Canceling]) {
                let result = Ok(());
                finish(world, subtask, Outcome { result, observed });
            }
        } else if let Some(event) = self.event(world) {
            let _ = world.commit(&event, &claimant, now);
        }
    }

    fn event(&self, world: &World) -> Option<Event> {
        Some(match &self.what {
            Move::Round { .. } => return None,
            Move::Claim { ready, picks } => Event::Claim {
                subtasks: pick_all(world, *ready, picks),
            },
            Move::TakeOver { picks } => Event::TakeOver {
                runs: runs_of(world, picks),
            },
            Move::Abandon { picks } => Event::Abandon {
                runs: runs_of(world, picks),
                reason: "no executor is left".to_owned(),
            },
            Move::Finish { run, outcome } => {
                let (subtask, epoch) = run.of(world);
                let outcome = outcome.clone();
                Event::Finish {
                    subtask,
                    epoch,
                    outcome,
                }
            }
            Move::HandBack { run } => {
                let (subtask, epoch) = run.of(world);
                Event::HandBack { subtask, epoch }
            }
            Move::Expire { run, observed } => {
                let (subtask, epoch) = run.of(world);
                let observed = *observed;
                Event::Expire {
                    subtask,
                    epoch,
                    observed,
                }
            }
            Move::Strand { ready, picks } => Event::Strand {
                subtasks: pick_all(world, *ready, picks),
                reason: "no executor lives on its host".to_owned(),
            },
            Move::OfTask(event) => event.clone(),
            Move::OfSubtask {
                sensible,
                pick,
                what,
            } => {
                let among = match what(SubtaskId(0)) {
                    Event::CancelSubtask(_) => standing(world, &[Running]),
                    _ => standing(world, &[Failed]),
                };
                let all: Vec<_> = world.subtasks.keys().copied().collect();
                let among = if *sensible && !among.is_empty() {
                    among
                } else {
                    all
                };
                what(*pick.get(&among))
            }
        })
    }
}

/// The subtasks that stand so.
pub(crate) fn standing(world: &World, statuses: &[SubtaskStatus]) -> Vec<SubtaskId> {
    let such = |row: &&slacktide_engine::subtask::Subtask| statuses.contains(&row.state.status);
    world
        .subtasks
        .values()
        .filter(such)
        .map(|row| row.id)
        .collect()
}

/// One epoch a subtask: an executor saw each of them once.
fn runs_of(world: &World, picks: &[Run]) -> Vec<(SubtaskId, i64)> {
    let runs: BTreeMap<_, _> = picks.iter().map(|run| run.of(world)).collect();
    runs.into_iter().collect()
}

fn pick_all(world: &World, ready: bool, picks: &[Index]) -> Vec<SubtaskId> {
    let among = if ready {
        standing(world, &[Ready])
    } else {
        world.subtasks.keys().copied().collect()
    };
    let picked = picks.iter().filter(|_| !among.is_empty());
    picked.map(|pick| *pick.get(&among)).collect()
}

impl Run {
    fn of(&self, world: &World) -> (SubtaskId, i64) {
        let present = standing(world, &[Running, Canceling]);
        let (subtask, epoch) = if self.present && !present.is_empty() {
            let id = *self.pick.get(&present);
            (id, world.subtasks[&id].epoch)
        } else if world.runs.is_empty() {
            let ids: Vec<_> = world.subtasks.keys().copied().collect();
            (*self.pick.get(&ids), 0)
        } else {
            *self.pick.get(&world.runs)
        };
        (subtask, epoch + self.skew)
    }
}
