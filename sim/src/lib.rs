//! A simulation of hosts and visitors on one store, in which everything goes wrong that can: messages are slow, late or
//! lost, processes die, clocks drift and jump, clients hang up, cookies arrive late or never. Everything is drawn from one
//! seed, so whatever is found can be repeated, cut down and read.
//!
//! `cargo run --release -p sim -- --help` says how to run it. What is checked is in `truth` and `world`; ARCHITECTURE.md says
//! what it stands for.

mod clock;
mod met;
mod net;
pub mod plan;
mod planted;
mod rule;
mod search;
mod shrink;
mod stores;
mod story;
mod truth;
mod visit;
mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use met::{Met, REQUIRED};
pub use planted::Planted;
pub use rule::{Rule, Violation};
pub use search::{Finding, Search, run_seed, tell};
pub use shrink::shrink;
pub use stores::StoreKind;

/// No code of the library runs under these locks, so a poisoned one guards whole data.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
