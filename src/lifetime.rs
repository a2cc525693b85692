//! How long a session lives, and how long its cookie does.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::ConfigError;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Browsers cut the life of a cookie here (RFC 6265bis, section 5.5).
pub(crate) const LONGEST_COOKIE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// How long a session lives: how long without activity, how long in all, how often its token is renewed, and what
/// becomes of the cookie when the browser is closed.
///
/// Both deadlines are in the record and enforced on the server. The default is 31 days without activity, 365 days in
/// all, no periodic renewal, and a persistent cookie.
///
/// ```
/// use cloakroom::Lifetime;
/// use std::time::Duration;
///
/// let hour = Duration::from_secs(3600);
/// let lifetime = Lifetime::default().idle(hour).absolute(12 * hour).renew_every(hour / 4).browser_cookie();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    idle: Duration,
    absolute: Duration,
    renewal: Option<Duration>,
    cookie: CookieKind,
}

/// What becomes of the cookie when the browser is closed.
///
/// ```
/// use cloakroom::{CookieKind, Lifetime};
///
/// assert_eq!(Lifetime::default().cookie_kind(), CookieKind::Persistent);
/// assert_eq!(Lifetime::aal2().cookie_kind(), CookieKind::Browser);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieKind {
    /// The browser keeps it for as long as the session lives (`Max-Age`).
    Persistent,
    /// The browser forgets it when it is closed, unless it restores its tabs. The server's deadlines hold as well.
    Browser,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self { idle: 31 * DAY, absolute: 365 * DAY, renewal: None, cookie: CookieKind::Persistent }
    }
}

impl Lifetime {
    /// What NIST SP 800-63B-4 (section 2.1.3) asks for at authentication assurance level 1: 30 days in all.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// # use std::time::Duration;
    /// assert_eq!(Lifetime::aal1().absolute_duration(), Duration::from_secs(30 * 24 * 3600));
    /// ```
    pub fn aal1() -> Self {
        Self { idle: 30 * DAY, absolute: 30 * DAY, renewal: Some(DAY), cookie: CookieKind::Persistent }
    }

    /// What NIST SP 800-63B-4 (section 2.2.3) asks for at level 2: 24 hours in all, 1 hour without activity.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// # use std::time::Duration;
    /// assert_eq!(Lifetime::aal2().idle_duration(), Duration::from_secs(3600));
    /// ```
    pub fn aal2() -> Self {
        Self { idle: HOUR, absolute: DAY, renewal: Some(HOUR), cookie: CookieKind::Browser }
    }

    /// What NIST SP 800-63B-4 (section 2.3.3) asks for at level 3: 12 hours in all, 15 minutes without activity.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// # use std::time::Duration;
    /// assert_eq!(Lifetime::aal3().absolute_duration(), Duration::from_secs(12 * 3600));
    /// ```
    pub fn aal3() -> Self {
        Self { idle: 15 * MINUTE, absolute: 12 * HOUR, renewal: Some(15 * MINUTE), cookie: CookieKind::Browser }
    }

    /// How long the session lives without activity.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// # use std::time::Duration;
    /// let lifetime = Lifetime::default().idle(Duration::from_secs(900));
    /// assert_eq!(lifetime.idle_duration().as_secs(), 900);
    /// ```
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long the session lives in all, counted from its beginning or the latest login.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// # use std::time::Duration;
    /// let lifetime = Lifetime::default().absolute(Duration::from_secs(86_400));
    /// assert_eq!(lifetime.absolute_duration().as_secs(), 86_400);
    /// ```
    #[must_use]
    pub fn absolute(mut self, absolute: Duration) -> Self {
        self.absolute = absolute;
        self
    }

    /// Renews the token of an active session this often, so that a stolen ticket does not serve for long.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// # use std::time::Duration;
    /// let lifetime = Lifetime::default().renew_every(Duration::from_secs(3600));
    /// assert_eq!(lifetime.renewal_interval(), Some(Duration::from_secs(3600)));
    /// ```
    #[must_use]
    pub fn renew_every(mut self, interval: Duration) -> Self {
        self.renewal = Some(interval);
        self
    }

    /// Never renews the token but on `renew()` and login.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// assert_eq!(Lifetime::aal1().without_renewal().renewal_interval(), None);
    /// ```
    #[must_use]
    pub fn without_renewal(mut self) -> Self {
        self.renewal = None;
        self
    }

    /// The browser keeps the cookie for as long as the session lives. This is the default.
    ///
    /// ```
    /// # use cloakroom::{CookieKind, Lifetime};
    /// assert_eq!(Lifetime::aal2().persistent_cookie().cookie_kind(), CookieKind::Persistent);
    /// ```
    #[must_use]
    pub fn persistent_cookie(mut self) -> Self {
        self.cookie = CookieKind::Persistent;
        self
    }

    /// The browser forgets the cookie when it is closed.
    ///
    /// ```
    /// # use cloakroom::{CookieKind, Lifetime};
    /// assert_eq!(Lifetime::default().browser_cookie().cookie_kind(), CookieKind::Browser);
    /// ```
    #[must_use]
    pub fn browser_cookie(mut self) -> Self {
        self.cookie = CookieKind::Browser;
        self
    }

    /// How long the session lives without activity.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// assert_eq!(Lifetime::default().idle_duration().as_secs(), 31 * 86_400);
    /// ```
    pub fn idle_duration(&self) -> Duration {
        self.idle
    }

    /// How long the session lives in all.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// assert_eq!(Lifetime::default().absolute_duration().as_secs(), 365 * 86_400);
    /// ```
    pub fn absolute_duration(&self) -> Duration {
        self.absolute
    }

    /// How often the token of an active session is renewed.
    ///
    /// ```
    /// # use cloakroom::Lifetime;
    /// assert_eq!(Lifetime::default().renewal_interval(), None);
    /// ```
    pub fn renewal_interval(&self) -> Option<Duration> {
        self.renewal
    }

    /// What becomes of the cookie when the browser is closed.
    ///
    /// ```
    /// # use cloakroom::{CookieKind, Lifetime};
    /// assert_eq!(Lifetime::default().cookie_kind(), CookieKind::Persistent);
    /// ```
    pub fn cookie_kind(&self) -> CookieKind {
        self.cookie
    }

    pub(crate) fn idle_deadline(&self, now: Timestamp) -> Timestamp {
        now + self.idle
    }

    pub(crate) fn absolute_deadline(&self, now: Timestamp) -> Timestamp {
        now + self.absolute
    }

    /// Refuses a lifetime under which no session could live, or whose deadlines say the opposite of one another.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let least = Duration::from_millis(1);
        if self.idle < least {
            return Err(ConfigError::new(
                "lifetime.idle",
                "must be at least a millisecond; every session would be over",
            ));
        }
        if self.absolute < self.idle {
            return Err(ConfigError::new(
                "lifetime.absolute",
                format!(
                    "is {:?}, shorter than the idle time of {:?}; raise `absolute` or lower `idle`",
                    self.absolute, self.idle
                ),
            ));
        }
        match self.renewal {
            Some(interval) if interval < least => Err(ConfigError::new(
                "lifetime.renew_every",
                "must be at least a millisecond; use `without_renewal()` for none",
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn to_parts(self) -> (u64, u64, Option<u64>, bool) {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let renewal = self.renewal.map(millis);
        (millis(self.idle), millis(self.absolute), renewal, self.cookie == CookieKind::Persistent)
    }

    pub(crate) fn from_parts((idle, absolute, renewal, persistent): (u64, u64, Option<u64>, bool)) -> Self {
        Self {
            idle: Duration::from_millis(idle),
            absolute: Duration::from_millis(absolute),
            renewal: renewal.map(Duration::from_millis),
            cookie: if persistent { CookieKind::Persistent } else { CookieKind::Browser },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_can_be_used() {
        for lifetime in [Lifetime::default(), Lifetime::aal1(), Lifetime::aal2(), Lifetime::aal3()] {
            assert_eq!(lifetime.check(), Ok(()));
            assert_eq!(Lifetime::from_parts(lifetime.to_parts()), lifetime);
        }
    }

    // behaviour 61
    #[test]
    fn what_no_session_could_live_under_is_refused() {
        let second = Duration::from_secs(1);
        for (lifetime, setting) in [
            (Lifetime::default().idle(Duration::ZERO), "lifetime.idle"),
            (Lifetime::default().idle(second * 2).absolute(second), "lifetime.absolute"),
            (Lifetime::default().renew_every(Duration::ZERO), "lifetime.renew_every"),
        ] {
            assert_eq!(lifetime.check().map_err(|error| error.setting()), Err(setting));
        }
    }
}
