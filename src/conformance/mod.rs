//! The laws of [`SessionStore`] and [`SessionIndex`] as tests, for every store.
//!
//! A store is right if it keeps them all. One line in a test makes each law a test of its own, so that a failure names
//! the promise that was broken:
//!
//! ```
//! use cloakroom::MemoryStore;
//!
//! cloakroom::conformance::store_laws!(memory, || async { Ok::<_, cloakroom::Error>(MemoryStore::new()) });
//! cloakroom::conformance::index_laws!(memory_index, || async { Ok::<_, cloakroom::Error>(MemoryStore::new()) });
//! # fn main() {}
//! ```
//!
//! The second argument makes a fresh, empty store for each law; anything that can be printed with `Debug` will do for its
//! error. The laws bring a runtime of their own. A store without an index leaves the second line away.
//!
//! Each law is a function as well, for a suite that is built in another way; it panics if the law is broken:
//!
//! ```
//! use cloakroom::{MemoryStore, conformance};
//!
//! conformance::run(conformance::swap::never_creates, || async { Ok::<_, cloakroom::Error>(MemoryStore::new()) });
//! ```
//!
//! The laws tell the store the time, from the true one on to days later, and then at most ten minutes less: a store may
//! forget by its own clock what expired ten minutes ago.

mod checked;
mod macros;

pub mod announcements;
pub mod create;
pub mod delete;
pub mod expiries;
pub mod expiry;
pub mod find;
pub mod list;
pub mod load;
pub mod pages;
pub mod race;
pub mod swap;
pub mod sweep;
pub mod touch;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use crate::{index_laws, store_laws};

#[cfg(doc)]
use crate::store::SessionIndex;
use crate::store::SessionStore;

/// A law has this long, so that a store that never answers breaks it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs one law on a fresh store, on a runtime of several threads that it starts.
///
/// # Panics
///
/// If the law is broken, the store cannot be made, or it does not answer.
///
/// ```
/// use cloakroom::{MemoryStore, conformance};
///
/// conformance::run(conformance::load::changes_nothing, || async { Ok::<_, cloakroom::Error>(MemoryStore::new()) });
/// ```
pub fn run<S, E, Make, Law>(law: impl FnOnce(Arc<dyn SessionStore>) -> Law, make: impl FnOnce() -> Make)
where
    S: SessionStore,
    E: Debug,
    Make: Future<Output = Result<S, E>>,
    Law: Future<Output = ()>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("no runtime for the laws: {error}"),
    };
    runtime.block_on(async {
        let store = match make().await {
            Ok(store) => Arc::new(store),
            Err(error) => panic!("the store cannot be made: {error:?}"),
        };
        if tokio::time::timeout(PATIENCE, law(store)).await.is_err() {
            panic!("the store kept a law waiting for {PATIENCE:?}");
        }
    });
}
