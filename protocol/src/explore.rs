//! Breadth-first search of all states that a model can reach.
//!
//! Of a state that was visited, 64 bits of its hash are kept, and 64 of the state that led to it: so the first
//! violation is found by one of the shortest ways, and the way is walked again from the beginning to tell it. Two
//! states with one hash would hide one of them; among ten million that happens once in 300,000 searches.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::time::{Duration, Instant};

/// What can be searched.
pub trait Model {
    /// All that decides what may happen next.
    type State: Clone + Hash;
    /// One atomic step.
    type Action;

    /// The state in which the search begins.
    fn initial(&self) -> Self::State;

    /// Adds all steps that are possible in a state, and the states that they lead to.
    fn next(&self, state: &Self::State, into: &mut Vec<(Self::Action, Self::State)>);

    /// Tells a step, for people.
    fn tell(&self, from: &Self::State, action: &Self::Action) -> String;

    /// Checks what must hold in a state.
    ///
    /// # Errors
    ///
    /// What does not hold.
    fn check(&self, state: &Self::State) -> Result<(), String>;
}

/// What a search found.
#[derive(Debug)]
pub struct Report {
    /// How many different states were visited.
    pub states: usize,
    /// How many steps lead from one to another.
    pub steps: usize,
    /// In how many of them nothing more can happen.
    pub finals: usize,
    /// How long it took.
    pub time: Duration,
    /// The first state in which something does not hold.
    pub violation: Option<Violation>,
}

/// Something that does not hold, and how it came to that.
#[derive(Debug)]
pub struct Violation {
    /// What does not hold.
    pub what: String,
    /// The steps from the beginning.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.trace) {
            writeln!(f, "    {number:2} {step}")?;
        }
        write!(f, "    => {}", self.what)
    }
}

/// Visits all states of a model, or all up to the first in which something does not hold.
pub fn explore<M: Model>(model: &M) -> Report {
    let start = Instant::now();
    let initial = model.initial();
    let mut came_from = Visited::default();
    came_from.insert(fingerprint(&initial), None);
    let mut waiting = VecDeque::from([(fingerprint(&initial), initial)]);
    let mut report = Report { states: 0, steps: 0, finals: 0, time: Duration::ZERO, violation: None };
    let mut next = Vec::new();
    while let Some((from, state)) = waiting.pop_front() {
        report.states += 1;
        model.next(&state, &mut next);
        report.finals += usize::from(next.is_empty());
        if let Err(what) = model.check(&state) {
            report.violation = Some(Violation { what, trace: trace(model, &came_from, from) });
            break;
        }
        report.steps += next.len();
        for (_, state) in next.drain(..) {
            let reached = fingerprint(&state);
            came_from.entry(reached).or_insert_with(|| {
                waiting.push_back((reached, state));
                Some(from)
            });
        }
    }
    report.time = start.elapsed();
    report
}

/// Each state that was visited, and the one that it was first reached from.
type Visited = HashMap<u64, Option<u64>, BuildHasherDefault<AsItIs>>;

fn fingerprint(state: &impl Hash) -> u64 {
    let mut fingerprint = Fingerprint(0);
    state.hash(&mut fingerprint);
    fingerprint.finish()
}

/// Folds one word after another into a product of 128 bits: a state is hundreds of small numbers, and hashing them is
/// much of the work.
struct Fingerprint(u64);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        let [seed, factor]: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];
        let product = u128::from(self.0 ^ number.wrapping_add(seed)) * u128::from(factor);
        let [low, high] = [product as u64, (product >> 64) as u64];
        self.0 = low ^ high.rotate_left(32);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }
}

/// The steps that lead to a state.
fn trace<M: Model>(model: &M, came_from: &Visited, to: u64) -> Vec<String> {
    let mut way = vec![to];
    while let Some(Some(earlier)) = way.last().and_then(|last| came_from.get(last)) {
        way.push(*earlier);
    }
    way.pop();
    let mut state = model.initial();
    let mut told = Vec::new();
    while let Some(wanted) = way.pop() {
        let mut next = Vec::new();
        model.next(&state, &mut next);
        let Some((action, reached)) = next.into_iter().find(|(_, next)| fingerprint(next) == wanted) else { break };
        told.push(model.tell(&state, &action));
        state = reached;
    }
    told
}

/// A hash that is one already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only fingerprints are hashed");
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two buckets of three and five litres: four litres can be measured, by six steps.
    struct Buckets {
        wanted: u8,
    }

    impl Model for Buckets {
        type State = (u8, u8);
        type Action = &'static str;

        fn initial(&self) -> (u8, u8) {
            (0, 0)
        }

        fn next(&self, &(three, five): &(u8, u8), into: &mut Vec<(&'static str, (u8, u8))>) {
            let (over, back) = (three.min(5 - five), five.min(3 - three));
            into.extend([
                ("fill the small one", (3, five)),
                ("fill the large one", (three, 5)),
                ("empty the small one", (0, five)),
                ("empty the large one", (three, 0)),
                ("pour the small one over", (three - over, five + over)),
                ("pour the large one back", (three + back, five - back)),
            ]);
        }

        fn tell(&self, _: &(u8, u8), action: &&'static str) -> String {
            (*action).to_owned()
        }

        fn check(&self, &(_, five): &(u8, u8)) -> Result<(), String> {
            if five == self.wanted { Err(format!("{five} litres")) } else { Ok(()) }
        }
    }

    #[test]
    fn every_state_is_visited_once() {
        let report = explore(&Buckets { wanted: 6 });
        assert!(report.violation.is_none());
        // One of the two buckets is always full or empty.
        assert_eq!((report.states, report.steps, report.finals), (16, 16 * 6, 0));
    }

    #[test]
    fn a_violation_is_told_by_the_shortest_way() {
        let violation = explore(&Buckets { wanted: 4 }).violation.expect("four litres can be measured");
        assert_eq!(violation.what, "4 litres");
        let expected = [
            "fill the large one",
            "pour the large one back",
            "empty the small one",
            "pour the large one back",
            "fill the large one",
            "pour the large one back",
        ];
        assert_eq!(violation.trace, expected);
    }
}
