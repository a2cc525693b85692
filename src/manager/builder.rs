//! The configuration, checked when the manager is built.

use std::sync::Arc;
use std::time::Duration;

use super::backend::{BoundedStore, Keeper, Kind};
use super::{Backend, Engine, RollBack, SessionManager, Settings};
use crate::clock::Clock;
use crate::cookie::CookieConfig;
use crate::error::ConfigError;
use crate::events::{Events, Observer};
use crate::lifetime::Lifetime;
use crate::random::Random;
use crate::sealed::Sealer;

/// What a load that fails means.
///
/// ```
/// # use cloakroom::{MemoryStore, OutagePolicy, SessionManager};
/// let shop_window = SessionManager::builder(MemoryStore::new()).outage(OutagePolicy::Anonymous).build()?;
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OutagePolicy {
    /// The request fails with 503. A session that cannot be read is not a session that is not there.
    #[default]
    Fail,
    /// The request goes on with an empty session that it cannot change.
    Anonymous,
}

/// What a login does where its user has as many sessions as they may.
///
/// ```
/// # use cloakroom::{LimitPolicy, MemoryStore, SessionManager};
/// let sessions = SessionManager::builder(MemoryStore::new()).sessions_per_user(3, LimitPolicy::EndOldest).build()?;
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitPolicy {
    /// The session with the oldest login ends.
    EndOldest,
    /// The login is refused with [`TooManySessions`](crate::ErrorKind::TooManySessions).
    Refuse,
}

/// Builds a [`SessionManager`]; what is not set stays at its safe default.
///
/// ```
/// use cloakroom::{CookieConfig, Lifetime, MemoryStore, OutagePolicy, SessionManager};
///
/// let sessions = SessionManager::builder(MemoryStore::new())
///     .cookie(CookieConfig::new("shop"))
///     .lifetime(Lifetime::aal1())
///     .outage(OutagePolicy::Anonymous)
///     .build()?;
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
pub struct SessionManagerBuilder {
    backend: Backend,
    cookie: CookieConfig,
    lifetime: Lifetime,
    touch_share: f64,
    grace: Duration,
    marker_lifetime: Duration,
    record_limit: usize,
    store_timeout: Duration,
    outage: OutagePolicy,
    roll_back: Option<RollBack>,
    ticket_header: Option<String>,
    sweep_interval: Option<Duration>,
    user_limit: Option<(usize, LimitPolicy)>,
    clock: Option<Arc<dyn Clock>>,
    random: Random,
    observer: Option<Arc<dyn Observer>>,
}

impl std::fmt::Debug for SessionManagerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionManagerBuilder")
            .field("backend", &self.backend)
            .field("cookie", &self.cookie)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// Markers outlive the longest request.
const MARKER_LIFETIME: Duration = Duration::from_secs(60);

impl SessionManagerBuilder {
    pub(super) fn new(backend: Backend) -> Self {
        Self {
            backend,
            cookie: CookieConfig::default(),
            lifetime: Lifetime::default(),
            touch_share: 0.05,
            grace: Duration::from_secs(10),
            marker_lifetime: MARKER_LIFETIME,
            record_limit: 1024 * 1024,
            // So that an answer is there within five seconds.
            store_timeout: Duration::from_millis(4_500),
            outage: OutagePolicy::Fail,
            roll_back: None,
            ticket_header: None,
            sweep_interval: Some(Duration::from_secs(60)),
            user_limit: None,
            clock: None,
            random: Random::default(),
            observer: None,
        }
    }

    /// How the cookie is set.
    ///
    /// ```
    /// # use cloakroom::{CookieConfig, MemoryStore, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new()).cookie(CookieConfig::new("shop")).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn cookie(mut self, cookie: CookieConfig) -> Self {
        self.cookie = cookie;
        self
    }

    /// How long sessions live that are given no lifetime of their own.
    ///
    /// ```
    /// # use cloakroom::{Lifetime, MemoryStore, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new()).lifetime(Lifetime::aal3()).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The share of the idle time that passes before activity is noted again, from 0 (every time) to 1; 0.05 by default.
    /// A session may so end earlier than its idle time after the last read, by this share of it.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new()).touch_share(0.1).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn touch_share(mut self, share: f64) -> Self {
        self.touch_share = share;
        self
    }

    /// How long after a renewal a request with the old ticket is taken for a late one of the same visitor; 10 seconds by
    /// default. After a periodic renewal it follows; after an explicit one it gets an empty session that it cannot
    /// change, and keeps its cookie.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # use std::time::Duration;
    /// let sessions = SessionManager::builder(MemoryStore::new()).grace(Duration::from_secs(30)).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long a request can run and still be told that its session was renewed meanwhile; 60 seconds by default.
    /// Longer than the longest request.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # use std::time::Duration;
    /// let sessions = SessionManager::builder(MemoryStore::new()).longest_request(Duration::from_secs(300)).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn longest_request(mut self, longest: Duration) -> Self {
        self.marker_lifetime = longest;
        self
    }

    /// The most bytes that the values of one session may take; 1 MiB by default.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new()).record_limit(64 * 1024).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn record_limit(mut self, bytes: usize) -> Self {
        self.record_limit = bytes;
        self
    }

    /// How long a request waits for the store, in all; 4.5 seconds by default.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # use std::time::Duration;
    /// let sessions = SessionManager::builder(MemoryStore::new()).store_timeout(Duration::from_secs(1)).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// What a load that fails means.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, OutagePolicy, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new()).outage(OutagePolicy::Anonymous).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn outage(mut self, policy: OutagePolicy) -> Self {
        self.outage = policy;
        self
    }

    /// Discards what a request changed when its response has a status for which this answers true. By default changes
    /// are kept whatever the status: a failed login is worth counting.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new()).roll_back_on(|status| status >= 500).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    // behaviour 96
    #[must_use]
    pub fn roll_back_on(mut self, rolls_back: impl Fn(u16) -> bool + Send + Sync + 'static) -> Self {
        self.roll_back = Some(Arc::new(rolls_back));
        self
    }

    /// Takes tickets from this request header too, and gives them in the response header of the same name to whoever
    /// sent it and no session cookie: for clients that keep no cookies.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new()).ticket_header("X-Session-Id").build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    // behaviour 97
    #[must_use]
    pub fn ticket_header(mut self, name: impl Into<String>) -> Self {
        self.ticket_header = Some(name.into());
        self
    }

    /// How often expired sessions are deleted; every minute by default.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// # use std::time::Duration;
    /// let sessions = SessionManager::builder(MemoryStore::new()).sweep_every(Duration::from_secs(5)).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn sweep_every(mut self, interval: Duration) -> Self {
        self.sweep_interval = Some(interval);
        self
    }

    /// Leaves the deletion of expired sessions to somebody else who calls [`SessionManager::sweep`].
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new()).without_sweeper().build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn without_sweeper(mut self) -> Self {
        self.sweep_interval = None;
        self
    }

    /// How many sessions a user may have at most, and what a login does where they have as many. Without this there is no
    /// limit. It is exact for all threads, processes and hosts that share the store, as long as all of them set it.
    ///
    /// With [`EndOldest`](LimitPolicy::EndOldest) a user who has far more, as where the limit is new, can log in all the same:
    /// each login ends up to a thousand sessions, until the limit holds.
    ///
    /// A process that dies in the middle of a login may take up a place for as long as
    /// [`grace`](Self::grace), [`longest_request`](Self::longest_request) and a minute take together, and ten minutes more
    /// because its clock may have been behind ([`Timestamp::MAX_SKEW`](crate::Timestamp::MAX_SKEW)): some twelve minutes by
    /// default. With [`EndOldest`](LimitPolicy::EndOldest) it makes room before any session does, from the first two minutes
    /// on.
    ///
    /// ```
    /// # use cloakroom::{LimitPolicy, MemoryStore, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new()).sessions_per_user(1, LimitPolicy::Refuse).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn sessions_per_user(mut self, limit: usize, when_reached: LimitPolicy) -> Self {
        self.user_limit = Some((limit, when_reached));
        self
    }

    /// Reads the time from this clock: for tests.
    ///
    /// ```
    /// # use cloakroom::{MemoryStore, SessionManager, SystemClock};
    /// let sessions = SessionManager::builder(MemoryStore::new()).clock(SystemClock).build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Draws tokens, handles, revisions and pauses from this source, so that a test repeats.
    ///
    /// ```
    /// use cloakroom::testing::Randomness;
    /// use cloakroom::{MemoryStore, SessionManager};
    ///
    /// fn repeating(source: impl Randomness) -> Result<SessionManager, cloakroom::ConfigError> {
    ///     SessionManager::builder(MemoryStore::new()).randomness(source).build()
    /// }
    /// ```
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn randomness(mut self, source: impl crate::random::Randomness) -> Self {
        self.random = Random::from_source(source);
        self
    }

    /// Tells this one of what happens to sessions. With the feature `metrics` it is counted as well, through the facade of
    /// the same name.
    ///
    /// ```
    /// # use cloakroom::{Event, MemoryStore, SessionManager};
    /// let sessions = SessionManager::builder(MemoryStore::new())
    ///     .observer(|event: &Event<'_>| {
    ///         if let Event::Created { handle, .. } = event {
    ///             println!("{handle} began");
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok::<(), cloakroom::ConfigError>(())
    /// ```
    // behaviour 137
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Checks the configuration and builds the manager.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the setting that cannot work, and how to mend it.
    ///
    /// ```
    /// # use cloakroom::{CookieConfig, MemoryStore, SessionManager};
    /// let error = SessionManager::builder(MemoryStore::new()).cookie(CookieConfig::new("a b")).build().unwrap_err();
    /// assert_eq!(error.setting(), "cookie.name");
    /// ```
    pub fn build(self) -> Result<SessionManager, ConfigError> {
        let cookie = self.cookie.check()?;
        self.lifetime.check()?;
        if !(0.0..=1.0).contains(&self.touch_share) {
            return Err(ConfigError::new(
                "touch_share",
                format!("is {}, and a share is from 0 to 1", self.touch_share),
            ));
        }
        if self.store_timeout.is_zero() {
            return Err(ConfigError::new("store_timeout", "is zero, so that no store could answer in time"));
        }
        if self.record_limit < 1024 {
            return Err(ConfigError::new("record_limit", "is below 1024 bytes, which no login fits into"));
        }
        if self.sweep_interval.is_some_and(|interval| interval.is_zero()) {
            return Err(ConfigError::new("sweep_every", "is zero; use `without_sweeper()` for none"));
        }
        if let Some(name) = &self.ticket_header {
            check_header(name)?;
        }
        let events = Events::new(self.observer);
        let keeper = match self.backend.0 {
            Kind::Store(store) => Keeper::Store(BoundedStore { store, events: events.clone() }),
            Kind::Sealed(_) if self.ticket_header.is_some() => {
                return Err(ConfigError::new(
                    "ticket_header",
                    "is for tickets, and a `CookieStore` has none: it keeps whole sessions; use a store, or cookies alone",
                ));
            }
            Kind::Sealed(store) => {
                let register = store.register().map(|store| BoundedStore { store, events: events.clone() });
                Keeper::Sealed(Box::new(Sealer::new(store, &cookie, self.record_limit)), register)
            }
        };
        if let Some((limit, _)) = self.user_limit {
            check_user_limit(limit, &keeper)?;
        }
        let manager = SessionManager(Arc::new(Engine {
            keeper,
            events,
            settings: Settings {
                cookie,
                lifetime: self.lifetime,
                touch_share: self.touch_share,
                grace: self.grace,
                marker_lifetime: self.marker_lifetime,
                record_limit: self.record_limit,
                store_timeout: self.store_timeout,
                outage: self.outage,
                roll_back: self.roll_back,
                ticket_header: self.ticket_header.map(|name| name.to_ascii_lowercase().into()),
                sweep_interval: self.sweep_interval,
                user_limit: self.user_limit,
                clock: self.clock,
                random: self.random,
            },
            sweeper: Default::default(),
            endings: Default::default(),
            warned_of_insecure_transport: Default::default(),
        }));
        manager.listen_for_removals();
        Ok(manager)
    }
}

fn check_user_limit(limit: usize, keeper: &Keeper) -> Result<(), ConfigError> {
    let refuse = |why: &'static str| Err(ConfigError::new("sessions_per_user", why));
    match keeper {
        _ if limit == 0 => refuse("is zero, so that nobody could log in"),
        Keeper::Sealed(_, None) => refuse(
            "needs to know the sessions of a user, and nobody counts sealed cookies; use \
             `CookieStore::revocable_with(store)`, or a store",
        ),
        Keeper::Store(store) | Keeper::Sealed(_, Some(store)) if !store.has_index() => {
            refuse("needs to find the sessions of a user, and this store has no `SessionIndex`; use one that has")
        }
        _ => Ok(()),
    }
}

fn check_header(name: &str) -> Result<(), ConfigError> {
    let refuse = |why: &str| Err(ConfigError::new("ticket_header", format!("{name:?} {why}")));
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return refuse("is no header name; use letters, digits and '-'");
    }
    const TAKEN: [&str; 6] = ["cookie", "set-cookie", "vary", "cache-control", "authorization", "host"];
    if TAKEN.contains(&&*name.to_ascii_lowercase()) {
        return refuse("has a meaning of its own in HTTP; use one like \"X-Session-Id\"");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let new = || SessionManager::builder(MemoryStore::new());
        let zero = Duration::ZERO;
        for (builder, setting) in [
            (new().touch_share(1.1), "touch_share"),
            (new().touch_share(f64::NAN), "touch_share"),
            (new().store_timeout(zero), "store_timeout"),
            (new().record_limit(10), "record_limit"),
            (new().sweep_every(zero), "sweep_every"),
            (new().sessions_per_user(0, LimitPolicy::Refuse), "sessions_per_user"),
            (new().ticket_header("a b"), "ticket_header"),
            (new().ticket_header("Cookie"), "ticket_header"),
            (new().lifetime(Lifetime::default().idle(zero)), "lifetime.idle"),
            (new().cookie(CookieConfig::new("")), "cookie.name"),
        ] {
            assert_eq!(builder.build().expect_err(setting).setting(), setting);
        }
    }
}
