//! A store of this crate by its real code, whose verbs are one message each.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::{
    BoxFuture, Created, FindBy, Found, Handle, IndexEntry, IndexPage, Record, RecordKind, RemovalListener, Result,
    Revision, SessionIndex, SessionStore, StoreKey, Swap, Timestamp, Touched,
};

use super::settle;
use crate::net::Net;
use crate::planted::{Faulty, Planted};

/// The store at the other end of a host's network.
pub(super) struct Direct {
    net: Arc<Net>,
    store: Arc<dyn SessionStore>,
    faulty: Arc<Faulty>,
}

impl Direct {
    pub(super) fn new(store: Arc<dyn SessionStore>, net: Arc<Net>, planted: Option<Planted>) -> Self {
        Self { faulty: Arc::new(Faulty::new(Arc::clone(&store), planted)), net, store }
    }

    /// Asks the index of the store.
    fn ask<'a, T: Send + 'static>(
        &'a self,
        what: &'static str,
        ask: impl FnOnce(&dyn SessionIndex, &Faulty) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T>> {
        let (store, faulty) = (Arc::clone(&self.store), Arc::clone(&self.faulty));
        let effect = move || match store.index() {
            Some(index) => ask(index, &faulty),
            None => unreachable!("every store of the simulation has an index"),
        };
        Box::pin(async move { self.net.send(|| what.to_owned(), effect).await? })
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("net", &self.net).field("store", &self.store).finish_non_exhaustive()
    }
}

impl SessionStore for Direct {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        let (faulty, key) = (Arc::clone(&self.faulty), *key);
        Box::pin(async move {
            let answer = self.net.send(|| format!("load {key:?}"), move || faulty.load(&key, now)).await;
            match answer {
                Err(_) if self.faulty.is(Planted::OutageIsAbsence) => Ok(None),
                answer => answer?,
            }
        })
    }

    fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<Result<Option<Record>>> {
        self.net.is_at_once().then(|| {
            self.net.world.met("load: at once");
            self.faulty.load(key, now)
        })
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        let (net, faulty, key, record) = (Arc::clone(&self.net), Arc::clone(&self.faulty), *key, record.clone());
        Box::pin(async move {
            let text = || format!("create {key:?} {:?} of {:?}", record.kind, record.handle);
            let effect = {
                let record = record.clone();
                move || {
                    let created = faulty.create(&key, &record, now)?;
                    net.world.wrote(key);
                    Ok(created)
                }
            };
            self.net.send(text, effect).await?
        })
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        let (net, faulty, key, record) = (Arc::clone(&self.net), Arc::clone(&self.faulty), *key, record.clone());
        Box::pin(async move {
            let counter = record.revision.counter;
            let text = || format!("swap {key:?} for {:?} of {:?}, revision {counter}", record.kind, record.handle);
            let effect = {
                let record = record.clone();
                move || {
                    if faulty.is(Planted::SwapLater) {
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(300)).await;
                            let _ = faulty.swap(&key, expected, &record, now);
                            net.world.wrote(key);
                        });
                        return Ok(Swap::Swapped);
                    }
                    let swapped = faulty.swap(&key, expected, &record, now)?;
                    net.world.wrote(key);
                    Ok(swapped)
                }
            };
            if record.kind == RecordKind::Live {
                self.net.send_write(text, effect).await?
            } else {
                self.net.send(text, effect).await?
            }
        })
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        let (net, faulty, key) = (Arc::clone(&self.net), Arc::clone(&self.faulty), *key);
        Box::pin(async move {
            let effect = move || {
                let touched = faulty.touch(&key, revision, idle_deadline, now)?;
                net.world.wrote(key);
                Ok(touched)
            };
            self.net.send(|| format!("touch {key:?}"), effect).await?
        })
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        let (net, faulty, key) = (Arc::clone(&self.net), Arc::clone(&self.faulty), *key);
        Box::pin(async move {
            let effect = move || {
                let deleted = faulty.delete(&key, now)?;
                net.world.wrote(key);
                Ok(deleted)
            };
            self.net.send(|| format!("delete {key:?}"), effect).await?
        })
    }

    fn delete_many<'a>(&'a self, entries: &'a [IndexEntry], now: Timestamp) -> BoxFuture<'a, Result<Vec<StoreKey>>> {
        let (net, faulty, entries) = (Arc::clone(&self.net), Arc::clone(&self.faulty), entries.to_vec());
        Box::pin(async move {
            let text = format!("delete {:?}", entries.iter().map(|entry| entry.key).collect::<Vec<_>>());
            let effect = move || {
                let deleted = faulty.delete_many(&entries, now)?;
                entries.iter().for_each(|entry| net.world.wrote(entry.key));
                Ok(deleted)
            };
            self.net.send(|| text, effect).await?
        })
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

impl SessionIndex for Direct {
    fn count<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        self.ask("count", move |index, _| settle(index.count(now)))
    }

    fn list<'a>(&'a self, after: Option<StoreKey>, limit: usize, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        self.ask("list", move |index, _| settle(index.list(after, limit, now)))
    }

    fn find_by_user<'a>(&'a self, user: &'a str, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        let user = user.to_owned();
        self.ask("find by user", move |index, _| settle(index.find_by_user(&user, now)))
    }

    fn find_by_handle<'a>(&'a self, handle: Handle, now: Timestamp) -> BoxFuture<'a, Result<Vec<Found>>> {
        self.ask("find by handle", move |index, _| settle(index.find_by_handle(handle, now)))
    }

    fn find_page<'a>(
        &'a self,
        by: FindBy<'a>,
        from: Option<&'a [u8]>,
        limit: usize,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<IndexPage>> {
        let (what, user, handle) = match by {
            FindBy::User(user) => ("find by user", user.to_owned(), None),
            FindBy::Handle(handle) => ("find by handle", String::new(), Some(handle)),
            _ => unreachable!("the engine finds by nothing else"),
        };
        let from = from.map(<[u8]>::to_vec);
        self.ask(what, move |index, faulty| {
            let by = handle.map_or(FindBy::User(&user), FindBy::Handle);
            let page = settle(index.find_page(by, from.as_deref(), limit, now))?;
            Ok(IndexPage::new(faulty.finds(page.entries), page.next))
        })
    }

    fn sweep<'a>(&'a self, now: Timestamp) -> BoxFuture<'a, Result<u64>> {
        self.ask("sweep", move |index, faulty| settle(index.sweep(faulty.sweep_at(now))))
    }

    fn on_removal(&self, tell: RemovalListener) {
        if let Some(index) = self.store.index() {
            index.on_removal(tell);
        }
    }
}
