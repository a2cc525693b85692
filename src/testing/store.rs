//! A store around a store that fails on demand.

use std::future::Future;
use std::sync::Arc;

use super::fault::{Plan, Verb, When};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Handle, Record, Revision};
use crate::store::{
    Announcement, BoxFuture, Created, FindBy, Found, IndexEntry, IndexPage, RemovalListener, SessionIndex,
    SessionStore, Swap, Touched,
};
use crate::token::StoreKey;

/// Passes every verb on to another store, counts them, and fails, delays or stops those that a test chooses.
///
/// All clones are one store, so a test keeps one and gives the other to the manager. A failure is an error of the kind
/// [`Unavailable`](ErrorKind::Unavailable).
///
/// ```
/// # async fn example(key: cloakroom::StoreKey) {
/// use cloakroom::testing::{FaultStore, Verb};
/// use cloakroom::{MemoryStore, SessionStore, Timestamp};
///
/// let store = FaultStore::new(MemoryStore::new());
/// store.on(Verb::Load).fail_before();
/// assert!(store.load(&key, Timestamp::now()).await.is_err());
/// assert!(store.load(&key, Timestamp::now()).await.is_ok());
/// assert_eq!(store.calls(Verb::Load), 2);
/// # }
/// ```
#[derive(Debug)]
pub struct FaultStore<S>(Arc<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    store: S,
    plan: Plan,
}

impl<S: SessionStore> FaultStore<S> {
    /// A store that passes everything on to `store` until it is told otherwise.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::FaultStore};
    /// let store = FaultStore::new(MemoryStore::new());
    /// ```
    pub fn new(store: S) -> Self {
        Self(Arc::new(Inner { store, plan: Plan::default() }))
    }

    /// Chooses a call of this verb.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.on(Verb::Swap).nth(1).fail_before();
    /// ```
    pub fn on(&self, verb: Verb) -> When<'_> {
        When::new(&self.0.plan, Some(verb))
    }

    /// Chooses a call of any verb.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::FaultStore};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.on_any().nth(5).fail_after();
    /// ```
    pub fn on_any(&self) -> When<'_> {
        When::new(&self.0.plan, None)
    }

    /// Fails everything from now on, what is under way too: an outage, or the end of this process.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::FaultStore};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.go_away();
    /// ```
    pub fn go_away(&self) {
        self.0.plan.set_gone(true);
    }

    /// Ends what [`go_away`](FaultStore::go_away) began. What the store held, it holds.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::FaultStore};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.come_back();
    /// ```
    pub fn come_back(&self) {
        self.0.plan.set_gone(false);
    }

    /// Forgets the faults that have not happened yet, those of [`always`](When::always) too.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// store.on(Verb::Touch).always().fail_before();
    /// store.forget_faults();
    /// ```
    pub fn forget_faults(&self) {
        self.0.plan.forget_faults();
    }

    /// How often a verb was called, failed calls included.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::{FaultStore, Verb}};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// assert_eq!(store.calls(Verb::Load), 0);
    /// ```
    pub fn calls(&self, verb: Verb) -> usize {
        self.0.plan.calls(verb)
    }

    /// How often any verb was called.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::FaultStore};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// assert_eq!(store.total_calls(), 0);
    /// ```
    pub fn total_calls(&self) -> usize {
        self.0.plan.total_calls()
    }

    /// The store itself, which does not fail and is not counted: to look at what it holds.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, testing::FaultStore};
    /// # let store = FaultStore::new(MemoryStore::new());
    /// let untroubled: &MemoryStore = store.store();
    /// ```
    pub fn store(&self) -> &S {
        &self.0.store
    }

    async fn call<T, F: Future<Output = Result<T>>>(&self, verb: Verb, effect: impl FnOnce() -> F) -> Result<T> {
        let due = self.0.plan.begin(verb)?;
        for fault in &due {
            fault.before(verb).await?;
            self.0.plan.check()?;
        }
        let answer = effect().await;
        for fault in &due {
            fault.after(verb).await?;
        }
        // If the store went away meanwhile, nobody hears its answer.
        self.0.plan.check()?;
        answer
    }

    async fn ask<'a, T>(
        &'a self,
        question: impl FnOnce(&'a dyn SessionIndex) -> BoxFuture<'a, Result<T>>,
    ) -> Result<T> {
        self.0.plan.check()?;
        match self.0.store.index() {
            Some(index) => question(index).await,
            None => Err(Error::new(ErrorKind::Unsupported, "the store has no index")),
        }
    }
}

impl<S> Clone for FaultStore<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: SessionStore> SessionStore for FaultStore<S> {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.call(Verb::Load, move || self.0.store.load(key, now)))
    }

    fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<Result<Option<Record>>> {
        let answer = self.0.store.try_load(key, now)?;
        // A fault may have to wait, which only `load` can.
        self.0.plan.count_if_clear(Verb::Load).then_some(answer)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        Box::pin(self.call(Verb::Create, move || self.0.store.create(key, record, now)))
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        Box::pin(self.call(Verb::Swap, move || self.0.store.swap(key, expected, record, now)))
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        Box::pin(self.call(Verb::Touch, move || self.0.store.touch(key, revision, idle_deadline, now)))
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.call(Verb::Delete, move || self.0.store.delete(key, now)))
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        Box::pin(self.call(Verb::Delete, move || self.0.store.delete_many(entries, now)))
    }

    fn expires_by_itself(&self) -> bool {
        self.0.store.expires_by_itself()
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        // An outage is one of the index too, so it is asked through this store.
        self.0.store.index().map(|_| self as &dyn SessionIndex)
    }
}

impl<S: SessionStore> SessionIndex for FaultStore<S> {
    fn count<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.ask(move |index| index.count(now)))
    }

    fn list<'a>(&'a self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.ask(move |index| index.list(after, limit, now)))
    }

    fn find_by_user<'a>(&'a self, user: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.ask(move |index| index.find_by_user(user, now)))
    }

    fn find_by_handle<'a>(&'a self, handle: Handle, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        Box::pin(self.ask(move |index| index.find_by_handle(handle, now)))
    }

    fn find_page<'a>(
        &'a self,
        by: FindBy<'a>,
        from: Option<&'a [u8]>,
        limit: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<IndexPage>> {
        Box::pin(self.ask(move |index| index.find_page(by, from, limit, now)))
    }

    fn sweep<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.ask(move |index| index.sweep(now)))
    }

    fn expiries<'a>(
        &'a self,
        handles: &'a [Handle],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<(Handle, Timestamp)>>> {
        Box::pin(self.ask(move |index| index.expiries(handles, now)))
    }

    fn announcements<'a>(
        &'a self,
        tell: &'a (dyn Fn(Announcement) + Send + Sync),
    ) -> Option<BoxFuture<'a, Result<()>>> {
        self.0.store.index()?.announcements(tell)
    }

    fn on_removal(&self, tell: RemovalListener) {
        if let Some(index) = self.0.store.index() {
            index.on_removal(tell);
        }
    }
}
