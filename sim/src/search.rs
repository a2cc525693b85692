//! Many seeds, on all cores, until one finds something or the search is over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::lock;
use crate::met::Met;
use crate::plan::Plan;
use crate::planted::Planted;
use crate::rule::{Rule, Violation};
use crate::stores::StoreKind;
use crate::world::play;

/// A search through seeds that follow each other.
#[derive(Debug, Clone)]
pub struct Search {
    /// The first seed.
    pub first: u64,
    /// How many seeds there are.
    pub seeds: u64,
    /// The search ends after this long, however many seeds are left.
    pub at_most: Option<Duration>,
    /// Which store the hosts share.
    pub store: StoreKind,
    /// The fault that is planted.
    pub planted: Option<Planted>,
    /// Whether it goes on when a rule was broken.
    pub goes_on: bool,
    /// Calls `progress` with the number of seeds that were played, now and then.
    pub progress: fn(u64),
}

/// What a search found.
#[derive(Debug)]
pub struct Finding {
    /// For each rule that was broken the smallest seed that broke it, how, and how many did.
    pub violations: BTreeMap<Rule, (u64, Violation, u64)>,
    /// How many seeds were played.
    pub played: u64,
    /// What was met in them.
    pub met: Met,
}

impl Search {
    /// Plays the seeds.
    pub fn run(&self) -> Finding {
        let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let found = Mutex::new(Finding { violations: BTreeMap::new(), played: 0, met: Met::default() });
        let begun = Instant::now();
        thread::scope(|scope| {
            let threads = thread::available_parallelism().map_or(2, usize::from);
            for _ in 0..threads {
                scope.spawn(|| {
                    let mut met = Met::default();
                    let mut played = 0;
                    while !over.load(Ordering::Relaxed) && self.at_most.is_none_or(|most| begun.elapsed() < most) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.seeds {
                            break;
                        }
                        let seed = self.first + number;
                        let outcome = play(Plan::draw(seed, self.store), self.planted, false);
                        met.add(&outcome.met);
                        played += 1;
                        if number > 0 && number.is_multiple_of(1_000) {
                            (self.progress)(number);
                        }
                        if let Some(why) = outcome.violation {
                            over.store(!self.goes_on, Ordering::Relaxed);
                            let mut found = lock(&found);
                            let known = found.violations.entry(why.rule).or_insert_with(|| (seed, why.clone(), 0));
                            known.2 += 1;
                            if seed < known.0 {
                                (known.0, known.1) = (seed, why);
                            }
                        }
                    }
                    let mut found = lock(&found);
                    found.played += played;
                    found.met.add(&met);
                });
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plays one seed.
pub fn run_seed(seed: u64, store: StoreKind, planted: Option<Planted>) -> Option<Violation> {
    play(Plan::draw(seed, store), planted, false).violation
}

/// Plays a plan, and tells what happened.
pub fn tell(plan: Plan, planted: Option<Planted>) -> Vec<String> {
    play(plan, planted, true).story
}
