//! The clocks of the hosts: they follow the simulation's time, and are wrong by what they were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use cloakroom::{Clock, Timestamp};
use tokio::time::Instant;

/// 2026-01-01 00:00 UTC.
const BEGINNING: i64 = 1_767_225_600_000;

/// The clock of one host. All clones are one clock.
#[derive(Debug, Clone)]
pub(crate) struct HostClock {
    start: Instant,
    /// How far it is ahead, in milliseconds.
    offset: Arc<AtomicI64>,
    /// By how much it is too fast, in millionths.
    drift: i64,
}

impl HostClock {
    pub(crate) fn new(start: Instant, offset: i64, drift: i64) -> Self {
        Self { start, offset: Arc::new(AtomicI64::new(offset)), drift }
    }

    pub(crate) fn jump(&self, offset: i64) {
        self.offset.store(offset, Ordering::Relaxed);
    }
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        let elapsed = millis(self.start.elapsed());
        let shown = BEGINNING + elapsed + elapsed * self.drift / 1_000_000 + self.offset.load(Ordering::Relaxed);
        Timestamp::from_millis(shown.unsigned_abs())
    }
}

/// What a clock that is right shows.
pub(crate) fn true_time(start: Instant) -> Timestamp {
    Timestamp::from_millis((BEGINNING + millis(start.elapsed())).unsigned_abs())
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
