//! Time as the engine sees it: milliseconds, from a clock that tests can turn.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant in milliseconds since 1970-01-01 UTC; what deadlines are kept in.
///
/// ```
/// use cloakroom::Timestamp;
/// use std::time::Duration;
///
/// let noon = Timestamp::from_millis(1_000);
/// assert_eq!((noon + Duration::from_millis(500)).as_millis(), 1_500);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Later than every instant: the deadline of what does not expire.
    ///
    /// ```
    /// # use cloakroom::Timestamp;
    /// assert!(Timestamp::NEVER > Timestamp::now());
    /// ```
    pub const NEVER: Self = Self(u64::MAX);

    /// How far the clocks of hosts that share a store may be apart: ten minutes.
    ///
    /// ```
    /// # use cloakroom::Timestamp;
    /// assert_eq!(Timestamp::MAX_SKEW.as_secs(), 600);
    /// ```
    pub const MAX_SKEW: Duration = Duration::from_secs(10 * 60);

    /// This instant, by the system's clock.
    ///
    /// ```
    /// # use cloakroom::Timestamp;
    /// assert!(Timestamp::now() > Timestamp::from_millis(0));
    /// ```
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The instant so many milliseconds after 1970.
    ///
    /// ```
    /// # use cloakroom::Timestamp;
    /// assert_eq!(Timestamp::from_millis(7).as_millis(), 7);
    /// ```
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    ///
    /// ```
    /// # use cloakroom::Timestamp;
    /// assert_eq!(Timestamp::from_millis(7).as_millis(), 7);
    /// ```
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    ///
    /// ```
    /// # use cloakroom::Timestamp;
    /// # use std::time::Duration;
    /// let (a, b) = (Timestamp::from_millis(100), Timestamp::from_millis(350));
    /// assert_eq!(b.since(a), Duration::from_millis(250));
    /// assert_eq!(a.since(b), Duration::ZERO);
    /// ```
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// What the slowest clock may show when another host reads this instant: [`MAX_SKEW`](Timestamp::MAX_SKEW) less. A
    /// record that has expired by then has expired for every host.
    ///
    /// ```
    /// # use cloakroom::Timestamp;
    /// let now = Timestamp::now();
    /// assert_eq!(now.since(now.by_slowest_clock()), Timestamp::MAX_SKEW);
    /// ```
    #[must_use]
    pub const fn by_slowest_clock(self) -> Self {
        Self(self.0.saturating_sub(Self::MAX_SKEW.as_secs() * 1_000))
    }

    /// Whether this instant comes later than any clock that is right could say at `now`.
    pub(crate) fn is_ahead_of(self, now: Self) -> bool {
        self.since(now) > Self::MAX_SKEW
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at [`Timestamp::NEVER`].
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(0) + since_epoch
    }
}

impl From<Timestamp> for SystemTime {
    /// Whatever lies beyond the year 9999 becomes its end.
    fn from(timestamp: Timestamp) -> Self {
        const YEAR_10000: u64 = 253_402_300_800_000;
        UNIX_EPOCH + Duration::from_millis(timestamp.0.min(YEAR_10000))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NEVER => f.write_str("never"),
            Self(millis) => write!(f, "{millis}ms"),
        }
    }
}

/// Where the engine reads the time; [`SystemClock`] unless a test brings its own.
///
/// ```
/// use cloakroom::{Clock, Timestamp};
///
/// /// A clock that is an hour ahead.
/// #[derive(Debug)]
/// struct Ahead;
///
/// impl Clock for Ahead {
///     fn now(&self) -> Timestamp {
///         Timestamp::now() + std::time::Duration::from_secs(3600)
///     }
/// }
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// This instant.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
///
/// ```
/// use cloakroom::{Clock, SystemClock, Timestamp};
///
/// assert!(SystemClock.now() > Timestamp::from_millis(0));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_survives_arithmetic_and_conversion() {
        assert_eq!(Timestamp::NEVER + Duration::from_secs(1), Timestamp::NEVER);
        assert_eq!(Timestamp::from_millis(1) + Duration::MAX, Timestamp::NEVER);
        let _ = SystemTime::from(Timestamp::NEVER);
    }
}
