//! A clock that tests turn, and a store that fails on demand: for tests of applications and of stores.
//!
//! ```
//! use cloakroom::testing::{FakeClock, FaultStore, Verb};
//! use cloakroom::{MemoryStore, SessionManager};
//! use std::time::Duration;
//!
//! let (clock, store) = (FakeClock::new(), FaultStore::new(MemoryStore::new()));
//! let sessions = SessionManager::builder(store.clone()).clock(clock.clone()).build()?;
//!
//! clock.advance(Duration::from_secs(3600));
//! store.on(Verb::Swap).nth(2).fail_after();
//! # Ok::<(), cloakroom::ConfigError>(())
//! ```

mod clock;
mod fault;
mod store;

pub use clock::FakeClock;
pub use fault::{Paused, Verb, When};
pub use store::FaultStore;
