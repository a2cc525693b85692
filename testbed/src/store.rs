//! The store that a URL names, wrapped in one that counts what it is asked.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cloakroom::{
    Backend, BoxFuture, ConfigError, CookieStore, Created, IndexEntry, MemoryStore, Record, Revision, Secrets,
    SessionIndex, SessionStore, StoreKey, Swap, Timestamp, Touched, store_from_url,
};
use serde_json::{Value, json};

use crate::options::Options;

/// Where the sessions are.
pub(crate) struct Opened {
    pub(crate) backend: Backend,
    /// The store behind it, unless all is in the cookies.
    pub(crate) store: Option<Arc<dyn SessionStore>>,
}

/// Opens the store that the options name.
pub(crate) async fn open(options: &Options, stats: &Arc<Stats>) -> Result<Opened, Box<dyn Error>> {
    match &*options.store {
        "cookie:" => Ok(sealed(options)?),
        url => {
            let store = store_from_url(url).await?;
            let counting = Counting { store: Arc::clone(&store), stats: Arc::clone(stats) };
            Ok(Opened { backend: counting.into(), store: Some(store) })
        }
    }
}

fn sealed(options: &Options) -> Result<Opened, ConfigError> {
    let secrets = match &options.secret[..] {
        [] => Secrets::random_for_development(),
        secrets => Secrets::new(secrets)?,
    };
    let store = CookieStore::new(secrets);
    let store = if options.signed { store.insecure_readable() } else { store };
    // It is not counted: what the cookies themselves ask a store is nothing.
    if !options.revocable {
        return Ok(Opened { backend: store.into(), store: None });
    }
    let register: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
    Ok(Opened { backend: store.revocable_with(Arc::clone(&register)).into(), store: Some(register) })
}

/// How often each verb was asked of the store since the start.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    load: AtomicU64,
    create: AtomicU64,
    swap: AtomicU64,
    conflict: AtomicU64,
    touch: AtomicU64,
    delete: AtomicU64,
}

impl Stats {
    pub(crate) fn to_json(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "load": read(&self.load),
            "create": read(&self.create),
            "swap": read(&self.swap),
            "conflict": read(&self.conflict),
            "touch": read(&self.touch),
            "delete": read(&self.delete),
        })
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Passes everything on, and counts it.
#[derive(Debug)]
struct Counting<S> {
    store: S,
    stats: Arc<Stats>,
}

impl<S: SessionStore> SessionStore for Counting<S> {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, cloakroom::Result<Option<Record>>> {
        count(&self.stats.load);
        self.store.load(key, now)
    }

    fn try_load(&self, key: &StoreKey, now: Timestamp) -> Option<cloakroom::Result<Option<Record>>> {
        // A store that cannot answer at once is asked again, by `load`.
        self.store.try_load(key, now).inspect(|_| count(&self.stats.load))
    }

    fn create<'a>(
        &'a self,
        key: &'a StoreKey,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, cloakroom::Result<Created>> {
        count(&self.stats.create);
        self.store.create(key, record, now)
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, cloakroom::Result<Swap>> {
        count(&self.stats.swap);
        Box::pin(async move {
            let swapped = self.store.swap(key, expected, record, now).await;
            if let Ok(Swap::Conflict(_)) = &swapped {
                count(&self.stats.conflict);
            }
            swapped
        })
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, cloakroom::Result<Touched>> {
        count(&self.stats.touch);
        self.store.touch(key, revision, idle_deadline, now)
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, cloakroom::Result<Option<Record>>> {
        count(&self.stats.delete);
        self.store.delete(key, now)
    }

    fn delete_many<'a>(
        &'a self,
        entries: &'a [IndexEntry],
        now: Timestamp,
    ) -> BoxFuture<'a, cloakroom::Result<Vec<StoreKey>>> {
        entries.iter().for_each(|_| count(&self.stats.delete));
        self.store.delete_many(entries, now)
    }

    fn expires_by_itself(&self) -> bool {
        self.store.expires_by_itself()
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        self.store.index()
    }
}
