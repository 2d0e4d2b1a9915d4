//! Random interleavings of several executors, then a fair schedule to the end.

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use slacktide_engine::{
    commit::{Claimant, Event, Failure, Observation, Outcome, Refusal},
    id::SubtaskId,
    status::{SubtaskStatus, TaskStatus},
    task::as_accepted,
    time::Micros,
};

use crate::{
    topology::{ACCEPTED, HOSTS, any_topology},
    world::World,
};

/// Executors with their hosts; two share one, and one is where no server lives.
const EXECUTORS: [(&str, &str); 5] = [
    ("e0", "h0"),
    ("e1", "h0"),
    ("e2", "h1"),
    ("e3", "h2"),
    ("e4", "elsewhere"),
];

#[derive(Clone, Debug)]
enum Move {
    /// Claims READY subtasks, or any, whatever their status.
    Claim { ready: bool, picks: Vec<Index> },
    /// Takes over RUNNING subtasks, or any run that ever was; a skewed epoch never was.
    TakeOver {
        live: bool,
        picks: Vec<(Index, i64)>,
    },
    /// Ends a present run, or any run that ever was.
    Finish {
        live: bool,
        pick: Index,
        skew: i64,
        outcome: Outcome,
    },
    /// Gives a present run back, or any run that ever was.
    HandBack { live: bool, pick: Index, skew: i64 },
}

#[derive(Clone, Debug)]
struct Turn {
    executor: (&'static str, &'static str),
    room: usize,
    /// How far the executor's clock is from the time at which the task was accepted.
    clock: i64,
    what: Move,
}

fn any_outcome(fails: bool) -> impl Strategy<Value = Outcome> {
    let observed = prop_oneof![
        6 => Just(Some(Observation::Gone)),
        1 => select(vec![None, Some(Observation::Alive), Some(Observation::Unknown)]),
    ];
    let failure = any::<bool>().prop_map(|expired| Failure {
        reason: "the disk is on fire".to_owned(),
        expired,
    });
    let result = if fails {
        prop_oneof![12 => Just(Ok(())), 1 => failure.prop_map(Err)].boxed()
    } else {
        Just(Ok(())).boxed()
    };
    (result, observed).prop_map(|(result, observed)| Outcome { result, observed })
}

fn any_turn(fails: bool) -> impl Strategy<Value = Turn> {
    let skew = || prop_oneof![20 => Just(0), 1 => -2..=2_i64];
    let often = || proptest::bool::weighted(0.8);
    let pick = any::<Index>;
    let what = prop_oneof![
        4 => (often(), vec(pick(), 0..6)).prop_map(|(ready, picks)| Move::Claim { ready, picks }),
        1 => (often(), vec((pick(), skew()), 0..4))
            .prop_map(|(live, picks)| Move::TakeOver { live, picks }),
        8 => (often(), pick(), skew(), any_outcome(fails))
            .prop_map(|(live, pick, skew, outcome)| Move::Finish { live, pick, skew, outcome }),
        1 => (often(), pick(), skew())
            .prop_map(|(live, pick, skew)| Move::HandBack { live, pick, skew }),
    ];
    let room = prop_oneof![1 => Just(0), 2 => 1..4_usize, 2 => Just(100)];
    (select(&EXECUTORS), room, -1_000..10_000_i64, what).prop_map(
        |(executor, room, clock, what)| Turn {
            executor,
            room,
            clock,
            what,
        },
    )
}

fn any_turns() -> impl Strategy<Value = Vec<Turn>> {
    any::<bool>().prop_flat_map(|fails| vec(any_turn(fails), 0..160))
}

impl Turn {
    fn take(&self, world: &mut World) -> Result<(), Refusal> {
        let claimant = claimant(self.executor, self.room);
        let now = Micros(ACCEPTED.0 + self.clock);
        let event = self.event(world);
        world.commit(&event, &claimant, now).map(drop)
    }

    fn event(&self, world: &World) -> Event {
        match &self.what {
            Move::Claim { ready, picks } => {
                let among = if *ready {
                    standing(world, SubtaskStatus::Ready)
                } else {
                    world.subtasks.keys().copied().collect()
                };
                let picked = picks.iter().filter(|_| !among.is_empty());
                Event::Claim {
                    subtasks: picked.map(|pick| *pick.get(&among)).collect(),
                }
            }
            Move::TakeOver { live, picks } => Event::TakeOver {
                // One epoch a subtask: an executor saw each of them once.
                runs: picks
                    .iter()
                    .map(|(pick, skew)| run(world, *live, pick, *skew))
                    .collect::<BTreeMap<_, _>>()
                    .into_iter()
                    .collect(),
            },
            Move::Finish {
                live,
                pick,
                skew,
                outcome,
            } => {
                let (subtask, epoch) = run(world, *live, pick, *skew);
                let outcome = outcome.clone();
                Event::Finish {
                    subtask,
                    epoch,
                    outcome,
                }
            }
            Move::HandBack { live, pick, skew } => {
                let (subtask, epoch) = run(world, *live, pick, *skew);
                Event::HandBack { subtask, epoch }
            }
        }
    }
}

fn claimant((executor, host): (&str, &str), room: usize) -> Claimant {
    Claimant {
        executor: executor.to_owned(),
        host: host.to_owned(),
        room,
    }
}

fn standing(world: &World, status: SubtaskStatus) -> Vec<SubtaskId> {
    let such = world.subtasks.values().filter(|s| s.state.status == status);
    such.map(|s| s.id).collect()
}

/// A present run or any that ever was; before the first one, one that never was.
fn run(world: &World, live: bool, pick: &Index, skew: i64) -> (SubtaskId, i64) {
    let running = standing(world, SubtaskStatus::Running);
    let (subtask, epoch) = if live && !running.is_empty() {
        let id = *pick.get(&running);
        (id, world.subtasks[&id].epoch)
    } else if world.runs.is_empty() {
        let ids: Vec<_> = world.subtasks.keys().copied().collect();
        (*pick.get(&ids), 0)
    } else {
        *pick.get(&world.runs)
    };
    (subtask, epoch + skew)
}

/// Every executor in turn takes all that it may and ends all that runs, well, until the task ends.
fn drive(world: &mut World) {
    let gone = Outcome {
        result: Ok(()),
        observed: Some(Observation::Gone),
    };
    let now = Micros(ACCEPTED.0 + 20_000);
    while world.task.state.status == TaskStatus::Running {
        let before = world.task.revision;
        for executor in EXECUTORS {
            let subtasks = standing(world, SubtaskStatus::Ready);
            let claimed = world.commit(&Event::Claim { subtasks }, &claimant(executor, 2), now);
            assert!(matches!(claimed, Ok(_) | Err(Refusal::NothingToClaim)));
        }
        for subtask in standing(world, SubtaskStatus::Running) {
            let epoch = world.subtasks[&subtask].epoch;
            let outcome = gone.clone();
            let event = Event::Finish {
                subtask,
                epoch,
                outcome,
            };
            world
                .commit(&event, &claimant(EXECUTORS[0], 0), now)
                .unwrap();
        }
        assert!(world.task.revision > before, "nothing moves any more");
    }
}

/// Whatever comes after the end is refused.
fn knock(world: &mut World) {
    let anyone = claimant(EXECUTORS[0], 100);
    let everything = Event::Claim {
        subtasks: world.subtasks.keys().copied().collect(),
    };
    let taken_over = Event::TakeOver {
        runs: world.runs.clone(),
    };
    let late = world.runs.iter().map(|&(subtask, epoch)| Event::Finish {
        subtask,
        epoch,
        outcome: Outcome::success(),
    });
    for event in late.chain([everything, taken_over]).collect::<Vec<_>>() {
        assert!(world.commit(&event, &anyone, ACCEPTED).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// `World::commit` holds the properties of each commit; what is told here is the end.
    #[test]
    fn any_interleaving_keeps_every_promise_and_comes_to_an_end(
        topology in any_topology(),
        turns in any_turns(),
    ) {
        let mut world = World::new(&topology);
        for turn in &turns {
            // Refusals are among what is tested: the world checks that each is the right one.
            let _ = turn.take(&mut world);
        }
        drive(&mut world);
        knock(&mut world);

        let failed = world.task.tally.failed > 0;
        let expected = if failed { TaskStatus::Failed } else { TaskStatus::Successful };
        assert_eq!(world.task.state.status, expected);
        check_as_accepted(&world);
    }

    /// Every subtask with a host ran there, and every server was seen to be gone.
    #[test]
    fn an_undisturbed_stop_leaves_everything_stopped(topology in any_topology()) {
        let mut world = World::new(&topology);
        drive(&mut world);
        assert_eq!(world.task.state.status, TaskStatus::Successful);
        assert_eq!(world.proven.len(), world.servers.len());
        for subtask in world.subtasks.values() {
            if let Some(host) = &subtask.host {
                assert!(HOSTS.contains(&host.as_str()));
                assert_eq!(subtask.state.executor.as_ref(), Some(host));
            }
        }
    }
}

fn check_as_accepted(world: &World) {
    let rows = world.subtasks.values().cloned().collect();
    let (task, subtasks) = as_accepted(world.task.clone(), rows);
    assert_eq!(task, world.accepted.task);
    for (again, first) in subtasks.iter().zip(&world.accepted.subtasks) {
        assert_eq!((again.id, &again.state), (first.id, &first.state));
    }
}
