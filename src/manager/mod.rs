//! The engine: opens sessions and commits them, on one store, by one configuration.

mod backend;
mod builder;
mod commit;
mod end;
mod endings;
mod kept;
mod logout;
mod open;
mod pages;
mod patience;
mod places;
mod register;
mod renew;
mod sealed;
mod sweeper;
mod unresolved;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub use backend::Backend;
pub use builder::{LimitPolicy, OutagePolicy, SessionManagerBuilder};
pub use end::{Cursor, SessionInfo, SessionPage};
pub(crate) use open::{Loaded, Search};
pub(crate) use patience::Patience;

use crate::adapter::RequestHead;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::cookie::Cookie;
use crate::error::{Error, ErrorKind, Result};
use crate::events::Events;
use crate::lifetime::Lifetime;
use crate::random::Random;
use crate::session::Session;
use crate::store::BoxFuture;
use backend::{BoundedStore, Keeper};
use endings::Endings;
use sweeper::Sweeper;

/// The engine and its configuration: one for each store that an application uses, cheap to clone.
///
/// ```
/// use cloakroom::{MemoryStore, SessionManager};
///
/// let sessions = SessionManager::new(MemoryStore::new());
/// let app: axum::Router = axum::Router::new().layer(sessions.layer());
/// ```
#[derive(Clone)]
pub struct SessionManager(Arc<Engine>);

pub(crate) struct Engine {
    keeper: Keeper,
    events: Events,
    settings: Settings,
    sweeper: Sweeper,
    endings: Arc<Endings>,
    warned_of_insecure_transport: std::sync::atomic::AtomicBool,
}

/// Whether a response of this status discards what its request changed.
type RollBack = Arc<dyn Fn(u16) -> bool + Send + Sync>;

/// A configuration that was checked.
struct Settings {
    cookie: Cookie,
    lifetime: Lifetime,
    touch_share: f64,
    grace: Duration,
    marker_lifetime: Duration,
    record_limit: usize,
    store_timeout: Duration,
    outage: OutagePolicy,
    roll_back: Option<RollBack>,
    ticket_header: Option<Arc<str>>,
    sweep_interval: Option<Duration>,
    user_limit: Option<(usize, LimitPolicy)>,
    clock: Option<Arc<dyn Clock>>,
    random: Random,
}

impl SessionManager {
    /// A manager with the default configuration, which is the safe one, on this store.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// let sessions = SessionManager::new(MemoryStore::new());
    /// ```
    pub fn new(backend: impl Into<Backend>) -> Self {
        match Self::builder(backend).build() {
            Ok(manager) => manager,
            Err(error) => unreachable!("the default configuration is valid: {error}"),
        }
    }

    /// A manager with a configuration of its own, on this store.
    ///
    /// ```
    /// use cloakroom::{Lifetime, MemoryStore, SessionManager};
    ///
    /// let sessions = SessionManager::builder(MemoryStore::new()).lifetime(Lifetime::aal2()).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    pub fn builder(backend: impl Into<Backend>) -> SessionManagerBuilder {
        SessionManagerBuilder::new(backend.into())
    }

    /// The session of a request, not yet loaded: for adapters.
    ///
    /// ```
    /// # async fn example(sessions: cloakroom::SessionManager) -> cloakroom::Result<()> {
    /// let session = sessions.open(());
    /// session.load().await?;
    /// # Ok(()) }
    /// ```
    pub fn open(&self, head: impl RequestHead) -> Session {
        Session::new(self.clone(), head)
    }

    /// The lifetime of sessions that have none of their own.
    ///
    /// ```
    /// # use cloakroom::{Lifetime, MemoryStore, SessionManager};
    /// assert_eq!(SessionManager::new(MemoryStore::new()).lifetime(), &Lifetime::default());
    /// ```
    pub fn lifetime(&self) -> &Lifetime {
        &self.0.settings.lifetime
    }

    /// The name of the cookie as a browser sees it.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// assert_eq!(SessionManager::new(MemoryStore::new()).cookie_name(), "__Host-sid");
    /// ```
    pub fn cookie_name(&self) -> &str {
        &self.0.settings.cookie.name
    }

    /// The header that carries tickets beside the cookie, if one was chosen.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// assert_eq!(SessionManager::new(MemoryStore::new()).ticket_header(), None);
    /// ```
    pub fn ticket_header(&self) -> Option<&str> {
        self.0.settings.ticket_header.as_deref()
    }

    /// Whether the adapter should find out if a request seems to have come over plain http: only until the warning has
    /// been given.
    ///
    /// ```
    /// # use cloakroom::{CookieConfig, MemoryStore, SessionManager};
    /// let plain = CookieConfig::default().insecure_plain_http();
    /// let sessions = SessionManager::builder(MemoryStore::new()).cookie(plain).build()?;
    /// assert!(!sessions.minds_insecure_transport());
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    pub fn minds_insecure_transport(&self) -> bool {
        let warned = &self.0.warned_of_insecure_transport;
        self.settings().cookie.secure && !warned.load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> Timestamp {
        match &self.settings().clock {
            Some(clock) => clock.now(),
            None => SystemClock.now(),
        }
    }

    pub(crate) fn store_timeout(&self) -> Duration {
        self.settings().store_timeout
    }

    /// How long whoever begins to wait for the store now may do so, in all.
    pub(crate) fn new_patience(&self) -> Patience {
        Patience::new(self.store_timeout(), self.random().clone())
    }

    /// The same for what goes on in pages: each of them may take as long as a request.
    fn patience_of_steps(&self) -> Patience {
        Patience::for_each_step(self.store_timeout(), self.random().clone())
    }

    pub(crate) fn random(&self) -> &Random {
        &self.settings().random
    }

    /// Whether both are one and the same, and not only alike.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The store that knows of the sessions, where there is one.
    fn store(&self) -> Result<&BoundedStore> {
        match &self.0.keeper {
            Keeper::Store(store) | Keeper::Sealed(_, Some(store)) => Ok(store),
            Keeper::Sealed(_, None) => Err(Error::new(
                ErrorKind::Unsupported,
                "sessions in cookies are with their visitors: the server can neither list nor end them",
            )),
        }
    }

    fn events(&self) -> &Events {
        &self.0.events
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }
}

impl fmt::Debug for SessionManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionManager")
            .field("keeper", &self.0.keeper)
            .field("cookie", &self.0.settings.cookie.name)
            .field("lifetime", &self.0.settings.lifetime)
            .finish_non_exhaustive()
    }
}

/// Drives work on a store to its end even if whoever waits for it is dropped, or does something else meanwhile: if it has to
/// wait, in a task of its own.
pub(crate) async fn to_the_end<T: Send + 'static>(mut work: BoxFuture<'static, Result<T>>) -> Result<T> {
    if let Poll::Ready(result) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
        return result;
    }
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return work.await };
    let cut_off =
        |error| Error::new(ErrorKind::Unavailable, "the runtime ended in the middle of this").caused_by(error);
    runtime.spawn(work).await.map_err(cut_off)?
}
