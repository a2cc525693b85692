//! A store that is asked for ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloakroom::{
    Announcement, BoxFuture, Created, FindBy, Found, Handle, IndexEntry, IndexPage, Record, Revision, SessionIndex,
    SessionStore, StoreKey, Swap, Timestamp, Touched,
};
use tokio::sync::broadcast;

use crate::harness::Result;

/// A store that has five verbs only, or counts how often it is asked for ends, and announces them if it shall. Pages of its
/// index may lack what was written while they were read.
#[derive(Debug)]
pub(crate) struct Asked<S> {
    pub(crate) store: S,
    pub(crate) index: bool,
    pub(crate) announced: Option<broadcast::Sender<Handle>>,
    pub(crate) asked: Arc<AtomicUsize>,
    /// How long it takes to say which sessions live.
    pub(crate) takes: Duration,
    /// What is on the pages that are found.
    pub(crate) shows: fn(&IndexEntry) -> bool,
}

impl<S: SessionStore> Asked<S> {
    pub(crate) fn new(store: S, index: bool) -> Self {
        let (takes, shows): (_, fn(&IndexEntry) -> bool) = (Duration::ZERO, |_| true);
        Self { store, index, announced: None, asked: Arc::default(), takes, shows }
    }
}

impl<S: SessionStore> SessionStore for Asked<S> {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.load(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        self.store.create(key, record, now)
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        self.store.swap(key, expected, record, now)
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        self.store.touch(key, revision, idle_deadline, now)
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        self.store.delete(key, now)
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        self.store.delete_many(entries, now)
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.index.then_some(self as &dyn SessionIndex)
    }
}

impl<S: SessionStore> Asked<S> {
    fn inner(&self) -> &dyn SessionIndex {
        self.store.index().expect("it has an index")
    }
}

impl<S: SessionStore> SessionIndex for Asked<S> {
    fn count<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        self.inner().count(now)
    }

    fn list<'a>(&'a self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        self.inner().list(after, limit, now)
    }

    fn find_by_user<'a>(&'a self, user: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        self.inner().find_by_user(user, now)
    }

    fn find_by_handle<'a>(&'a self, handle: Handle, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        self.inner().find_by_handle(handle, now)
    }

    fn find_page<'a>(
        &'a self,
        by: FindBy<'a>,
        from: Option<&'a [u8]>,
        limit: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<IndexPage>> {
        Box::pin(async move {
            let mut page = self.inner().find_page(by, from, limit, now).await?;
            page.entries.retain(self.shows);
            Ok(page)
        })
    }

    fn sweep<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        self.inner().sweep(now)
    }

    fn expiries<'a>(
        &'a self,
        handles: &'a [Handle],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<(Handle, Timestamp)>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if !self.takes.is_zero() {
                tokio::time::sleep(self.takes).await;
            }
            self.inner().expiries(handles, now).await
        })
    }

    fn announcements<'a>(&'a self, tell: &'a (dyn Fn(Announcement) + Send + Sync)) -> Option<BoxFuture<'a, Result>> {
        let mut heard = self.announced.as_ref()?.subscribe();
        Some(Box::pin(async move {
            tell(Announcement::Listening);
            while let Ok(handle) = heard.recv().await {
                tell(Announcement::Deleted(handle));
            }
            Ok(())
        }))
    }
}
