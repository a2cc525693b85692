//! Time that passes when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};

/// A clock that stands still until a test turns it. All clones are one clock.
///
/// ```
/// use cloakroom::Clock;
/// use cloakroom::testing::FakeClock;
/// use std::time::Duration;
///
/// let clock = FakeClock::new();
/// let start = clock.now();
/// clock.clone().advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), start + Duration::from_secs(60));
/// ```
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<AtomicU64>);

/// 2026-01-01 00:00 UTC.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

impl FakeClock {
    /// A clock that stands at the beginning of 2026.
    ///
    /// ```
    /// let clock = cloakroom::testing::FakeClock::new();
    /// ```
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START.as_millis())))
    }

    /// Lets time pass.
    ///
    /// ```
    /// # use cloakroom::testing::FakeClock;
    /// # use std::time::Duration;
    /// FakeClock::new().advance(Duration::from_millis(1));
    /// ```
    pub fn advance(&self, by: Duration) {
        // The closure always answers, so the update always succeeds.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |millis| {
            Some((Timestamp::from_millis(millis) + by).as_millis())
        });
    }

    /// Sets the clock, back too: a host's clock may do that.
    ///
    /// ```
    /// use cloakroom::testing::FakeClock;
    /// use cloakroom::{Clock, Timestamp};
    ///
    /// let clock = FakeClock::new();
    /// clock.set(Timestamp::from_millis(0));
    /// assert_eq!(clock.now(), Timestamp::from_millis(0));
    /// ```
    pub fn set(&self, to: Timestamp) {
        self.0.store(to.as_millis(), Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
