//! Walks every state that a protocol can reach, breadth first, so that a counterexample is a shortest one.

use std::{
    collections::{HashMap, VecDeque},
    fmt::{self, Debug, Display},
    hash::{BuildHasherDefault, Hash, Hasher},
    rc::Rc,
};

/// A protocol: where it begins, and what can happen next.
pub(crate) trait Protocol {
    type State: Eq + Hash;
    /// What a step is called in a counterexample.
    type Step: Copy + Display;
    /// What must never be broken.
    type Promise: Copy + Display;

    /// The promise that every state can still come to an end.
    const ENDS: Self::Promise;

    fn initial(&self) -> Self::State;

    /// Every step that can be taken, with where it leads.
    fn steps(&self, from: &Self::State) -> Vec<(Self::Step, Self::State)>;

    /// The promise that has been broken on the way here.
    fn broken(&self, state: &Self::State) -> Option<Self::Promise>;

    /// Whether everything that was asked for has come to an end.
    fn is_end(&self, state: &Self::State) -> bool;
}

/// What a walk found.
pub(crate) struct Walk<Promise> {
    pub(crate) states: usize,
    pub(crate) ends: usize,
    pub(crate) counterexample: Option<Counterexample<Promise>>,
}

/// A shortest way to a broken promise.
pub(crate) struct Counterexample<Promise> {
    pub(crate) promise: Promise,
    pub(crate) steps: Vec<String>,
}

impl<Promise: Display> Debug for Counterexample<Promise> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "broken: {}", self.promise)?;
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "{number:>4}  {step}")?;
        }
        Ok(())
    }
}

/// Enough for most walks, so that no state is hashed again for a larger table.
const ROOM: usize = 1 << 18;

/// Walks until a promise is broken, or everything was seen.
pub(crate) fn explore<P: Protocol>(protocol: &P) -> Walk<P::Promise> {
    let initial = Rc::new(protocol.initial());
    let mut numbers =
        HashMap::with_capacity_and_hasher(ROOM, BuildHasherDefault::<Mixer>::default());
    numbers.insert(Rc::clone(&initial), 0);
    let mut parents: Vec<Option<(usize, P::Step)>> = vec![None];
    let mut edges: Vec<(usize, usize)> = Vec::new();
    let mut ends = Vec::new();
    let mut queue = VecDeque::from([(0, initial)]);
    let mut broken = None;
    while let Some((number, state)) = queue.pop_front() {
        broken = protocol.broken(&state).map(|promise| (number, promise));
        if broken.is_some() {
            break;
        }
        if protocol.is_end(&state) {
            ends.push(number);
        }
        for (step, next) in protocol.steps(&state) {
            let next = Rc::new(next);
            let to = *numbers.entry(Rc::clone(&next)).or_insert_with(|| {
                parents.push(Some((number, step)));
                queue.push_back((parents.len() - 1, next));
                parents.len() - 1
            });
            edges.push((number, to));
        }
    }
    let broken = broken.or_else(|| Some((first_stuck(parents.len(), &edges, &ends)?, P::ENDS)));
    Walk {
        states: parents.len(),
        ends: ends.len(),
        counterexample: broken.map(|(at, promise)| Counterexample {
            promise,
            steps: way_to(&parents, at),
        }),
    }
}

/// The first state from which no end can be reached.
fn first_stuck(states: usize, edges: &[(usize, usize)], ends: &[usize]) -> Option<usize> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); states];
    for &(from, to) in edges {
        before[to].push(from);
    }
    let mut reaches = vec![false; states];
    let mut open = ends.to_vec();
    while let Some(state) = open.pop() {
        if !std::mem::replace(&mut reaches[state], true) {
            open.extend(&before[state]);
        }
    }
    reaches.iter().position(|reaches| !reaches)
}

fn way_to<Step: Copy + Display>(parents: &[Option<(usize, Step)>], mut at: usize) -> Vec<String> {
    let mut steps = Vec::new();
    while let Some((parent, step)) = parents[at] {
        steps.push(step.to_string());
        at = parent;
    }
    steps.reverse();
    steps
}

/// A hash that is good enough for small numbers. The standard one takes half of the time without optimisation.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number as u64);
    }
}
