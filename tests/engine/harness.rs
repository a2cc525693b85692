//! A site with a store that fails on demand and a clock that stands still, and visitors with a cookie jar.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::adapter::Committed;
use cloakroom::testing::{FakeClock, FaultStore, Paused, Verb};
use cloakroom::{
    BoxFuture, Clock, CookieStore, Created, Error, ErrorKind, Found, Lifetime, MemoryStore, Record, Revision, Secrets,
    Session, SessionIndex, SessionManager, SessionManagerBuilder, SessionStore, StoreKey, Swap, Timestamp, Touched,
};
use tokio::task::JoinHandle;

pub(crate) type Result<T = ()> = cloakroom::Result<T>;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// Longer than a marker and its pending record live.
pub(crate) const PAST_MARKERS: Duration = Duration::from_secs(200);

/// One process that serves an application.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) store: FaultStore<Arc<MemoryStore>>,
    pub(crate) clock: FakeClock,
    pub(crate) sessions: SessionManager,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder) -> Self {
        Self::on(Arc::new(MemoryStore::new()), FakeClock::new(), configure)
    }

    /// A site that renews its tickets every hour.
    pub(crate) fn renewing() -> Self {
        Self::with(renews_hourly)
    }

    /// A site whose sessions are in sealed cookies, and registered in the store.
    pub(crate) fn registered(configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder) -> Self {
        let (store, clock) = (FaultStore::new(Arc::new(MemoryStore::new())), FakeClock::new());
        let secrets = Secrets::new(["the secret of a test, 32 bytes long"]).expect("a secret");
        let cookies = CookieStore::new(secrets).revocable_with(store.clone());
        let builder = SessionManager::builder(cookies).clock(clock.clone()).without_sweeper();
        let sessions = configure(builder).build().expect("a valid configuration");
        Self { store, clock, sessions }
    }

    /// A site on a store that can only be asked by key.
    pub(crate) fn unindexed(configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder) -> Self {
        let (store, clock) = (FaultStore::new(Arc::new(MemoryStore::new())), FakeClock::new());
        let builder = SessionManager::builder(Unindexed(store.clone())).clock(clock.clone()).without_sweeper();
        let sessions = configure(builder).build().expect("a valid configuration");
        Self { store, clock, sessions }
    }

    /// Another process on the same store, started with another configuration.
    pub(crate) fn restarted(&self, configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder) -> Self {
        Self::on(Arc::clone(self.store.store()), self.clock.clone(), configure)
    }

    /// Another host on the same store, whose clock is ahead by so much.
    pub(crate) fn ahead(
        &self,
        by: Duration,
        configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder,
    ) -> Self {
        let clock = FakeClock::new();
        clock.set(self.now() + by);
        Self::on(Arc::clone(self.store.store()), clock, configure)
    }

    fn on(
        memory: Arc<MemoryStore>,
        clock: FakeClock,
        configure: impl FnOnce(SessionManagerBuilder) -> SessionManagerBuilder,
    ) -> Self {
        let store = FaultStore::new(memory);
        let builder = SessionManager::builder(store.clone()).clock(clock.clone()).without_sweeper();
        let sessions = configure(builder).build().expect("a valid configuration");
        Self { store, clock, sessions }
    }

    /// Live sessions, as the store has them.
    pub(crate) async fn count(&self) -> u64 {
        self.index().count(self.clock.now()).await.expect("memory counts")
    }

    /// Live records.
    pub(crate) async fn records(&self) -> Vec<Found> {
        self.index().list(None, 100, self.clock.now()).await.expect("memory lists")
    }

    /// The one live record.
    pub(crate) async fn record(&self) -> Found {
        let mut records = self.records().await;
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    /// Records that belong to the session with this handle, of every kind but that of tombstones.
    pub(crate) async fn traces(&self, handle: cloakroom::Handle) -> usize {
        let found = self.index().find_by_handle(handle, self.clock.now()).await.expect("memory finds");
        found.iter().filter(|found| found.record.kind != cloakroom::RecordKind::Ended).count()
    }

    /// Puts a record in the place of the one that is there.
    pub(crate) async fn overwrite(&self, old: &Found, change: impl FnOnce(&mut cloakroom::Record)) -> Result {
        let mut record = old.record.clone();
        change(&mut record);
        record.revision = old.record.revision.next();
        let store = self.store.store();
        let now = self.clock.now();
        assert_eq!(store.swap(&old.key, old.record.revision, &record, now).await?, cloakroom::Swap::Swapped);
        Ok(())
    }

    fn index(&self) -> &dyn SessionIndex {
        self.store.store().index().expect("memory has an index")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The five verbs of a store, and no index.
#[derive(Debug)]
struct Unindexed(FaultStore<Arc<MemoryStore>>);

impl SessionStore for Unindexed {
    fn load<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        self.0.load(key, now)
    }

    fn create<'a>(&'a self, key: &'a StoreKey, record: &'a Record, now: Timestamp) -> BoxFuture<'a, Result<Created>> {
        self.0.create(key, record, now)
    }

    fn swap<'a>(
        &'a self,
        key: &'a StoreKey,
        expected: Revision,
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Swap>> {
        self.0.swap(key, expected, record, now)
    }

    fn touch<'a>(
        &'a self,
        key: &'a StoreKey,
        revision: Revision,
        idle_deadline: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Touched>> {
        self.0.touch(key, revision, idle_deadline, now)
    }

    fn delete<'a>(&'a self, key: &'a StoreKey, now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        self.0.delete(key, now)
    }
}

pub(crate) fn renews_hourly(builder: SessionManagerBuilder) -> SessionManagerBuilder {
    builder.lifetime(Lifetime::default().renew_every(HOUR))
}

/// A browser: what it was given, it brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// The cookie as the next request sends it.
    pub(crate) cookie: Option<String>,
}

impl Visitor {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A visitor whose session has these values.
    pub(crate) async fn with(site: &Site, values: &[(&str, u32)]) -> Result<Self> {
        let mut visitor = Self::new();
        visitor.visit(site, |session| values.iter().try_for_each(|(key, value)| session.set(*key, *value))).await?;
        Ok(visitor)
    }

    /// A visitor who is logged in.
    pub(crate) async fn logged_in(site: &Site, user: &str) -> Result<Self> {
        let mut visitor = Self::new();
        visitor.visit(site, |session| session.login(user)).await?;
        Ok(visitor)
    }

    /// A request before anything is loaded.
    pub(crate) fn request(&self, site: &Site) -> Session {
        match &self.cookie {
            Some(cookie) => site.sessions.open(cookie.clone()),
            None => site.sessions.open(()),
        }
    }

    /// A request whose handler asked for the session.
    pub(crate) async fn arrive(&self, site: &Site) -> Result<Session> {
        let session = self.request(site);
        session.load().await?;
        Ok(session)
    }

    /// Takes the answer.
    pub(crate) async fn leave(&mut self, session: &Session) -> Committed {
        let committed = session.commit(200).await;
        self.take(&committed);
        committed
    }

    pub(crate) fn take(&mut self, committed: &Committed) {
        let Some(header) = committed.edits.set_cookies().next() else { return };
        let pair = header.split(';').next().unwrap_or_default();
        self.cookie = (!header.contains("Max-Age=0;")).then(|| pair.to_owned());
    }

    /// A whole request, whose answer arrives.
    pub(crate) async fn visit<R>(&mut self, site: &Site, handler: impl FnOnce(&Session) -> Result<R>) -> Result<R> {
        let session = self.arrive(site).await?;
        let result = handler(&session)?;
        match self.leave(&session).await.error {
            Some(error) => Err(error),
            None => Ok(result),
        }
    }

    /// A whole request that reads a number.
    pub(crate) async fn number(&mut self, site: &Site, key: &str) -> Result<Option<u32>> {
        self.visit(site, |session| session.get(key)).await
    }

    /// Whether this visitor's ticket opens a session; looking changes nothing in the jar.
    pub(crate) async fn is_known(&self, site: &Site) -> Result<bool> {
        Ok(self.arrive(site).await?.handle()?.is_some())
    }
}

/// One more of what is counted.
pub(crate) fn one_more(count: Option<u32>) -> u32 {
    count.unwrap_or(0) + 1
}

/// The kind of an error that there must be.
pub(crate) fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error: Error| error.kind())
}

pub(crate) fn error_of(committed: &Committed) -> Option<ErrorKind> {
    committed.error.as_ref().map(Error::kind)
}

/// An answer that changes no cookie and tells of no error.
pub(crate) fn is_plain(committed: &Committed) -> bool {
    committed.error.is_none() && committed.edits.set_cookies().next().is_none()
}

/// The response of a request that runs beside the test.
pub(crate) fn commit(session: &Session) -> JoinHandle<Committed> {
    let commit = session.commit(200);
    tokio::spawn(commit)
}

/// Starts the commit of a request and stops it at a call of the store.
pub(crate) async fn commit_until(session: &Session, stop: &Paused) -> JoinHandle<Committed> {
    let commit = session.commit(200);
    until(stop, commit).await
}

/// Starts the load of a request and stops it at a call of the store.
pub(crate) async fn load_until(session: &Session, stop: &Paused) -> JoinHandle<Result> {
    let session = session.clone();
    until(stop, async move { session.load().await }).await
}

/// Starts a `save` and stops it at a call of the store.
pub(crate) async fn save_until(session: &Session, stop: &Paused) -> JoinHandle<Result> {
    let session = session.clone();
    until(stop, async move { session.save().await }).await
}

async fn until<T: Send + 'static>(stop: &Paused, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let mut task = tokio::spawn(work);
    tokio::select! {
        () = stop.reached() => task,
        _ = &mut task => panic!("it was done before it came to where it should stop"),
    }
}

/// A place in the middle of a request where a test can stop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) verb: Verb,
    pub(crate) nth: usize,
    /// Whether the call has taken effect there.
    pub(crate) after: bool,
}

impl Point {
    pub(crate) fn stop(self, site: &Site) -> Paused {
        let when = site.store.on(self.verb).nth(self.nth);
        if self.after { when.pause_after() } else { when.pause_before() }
    }
}

/// Every place where a renewal can be interrupted: before and after the pending record, the marker, the promotion.
pub(crate) fn points_of_a_renewal() -> impl Iterator<Item = Point> {
    let calls = [(Verb::Create, 1), (Verb::Swap, 1), (Verb::Swap, 2)];
    calls.into_iter().flat_map(|(verb, nth)| [false, true].map(|after| Point { verb, nth, after }))
}
