//! What happened lately in this process, by the minute.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::events::{Event, Observer};

/// Minutes that are remembered: a day, and a bit for the hour that has begun.
const MINUTES: usize = 25 * 60;

/// What the page for operators knows of the past: logins, conflicts and how long the store took, by the minute, of this
/// process and for a day. It takes 40 bytes a minute.
///
/// It is the [observer](crate::SessionManagerBuilder::observer) of the manager that the page is about; clones are one
/// history.
///
/// ```
/// use cloakroom::operators::History;
/// use cloakroom::{MemoryStore, SessionManager};
///
/// let history = History::new();
/// let sessions = SessionManager::builder(MemoryStore::new()).observer(history.clone()).build()?;
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct History(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    minutes: Mutex<VecDeque<Minute>>,
}

/// What happened within one minute.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Minute {
    /// Minutes since 1970.
    number: u64,
    pub(super) logins: u32,
    pub(super) conflicts: u32,
    pub(super) refused: u32,
    verbs: u32,
    waited: Duration,
    longest: Duration,
}

impl History {
    /// A history that begins now.
    ///
    /// ```
    /// let history = cloakroom::operators::History::new();
    /// ```
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    fn with_clock(clock: impl Clock) -> Self {
        Self(Arc::new(Inner { clock: Arc::new(clock), minutes: Mutex::default() }))
    }

    fn now(&self) -> u64 {
        self.0.clock.now().as_millis() / 60_000
    }

    fn minutes(&self) -> MutexGuard<'_, VecDeque<Minute>> {
        self.0.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something in the present minute. Minutes in which nothing happens take no place.
    fn note(&self, change: impl FnOnce(&mut Minute)) {
        let number = self.now();
        let mut minutes = self.minutes();
        // A clock that was set back adds to the newest minute.
        if minutes.back().is_none_or(|newest| newest.number < number) {
            minutes.push_back(Minute { number, ..Minute::default() });
        }
        while minutes.front().is_some_and(|oldest| oldest.number + MINUTES as u64 <= number) {
            minutes.pop_front();
        }
        if let Some(newest) = minutes.back_mut() {
            change(newest);
        }
    }

    /// The last `spans` spans of so many minutes each, the newest last, counted by `count`.
    pub(super) fn spans(&self, spans: usize, minutes_each: u64, mut add: impl FnMut(f64, &Minute) -> f64) -> Vec<f64> {
        let newest = self.now() / minutes_each;
        let mut values = vec![0.0; spans];
        for minute in self.minutes().iter() {
            let back = newest.saturating_sub(minute.number / minutes_each);
            let place = usize::try_from(back).ok().and_then(|back| (spans - 1).checked_sub(back));
            if let Some(value) = place.and_then(|place| values.get_mut(place)) {
                *value = add(*value, minute);
            }
        }
        values
    }
}

impl Minute {
    /// How long the store took on average, in milliseconds.
    pub(super) fn mean_ms(&self) -> f64 {
        if self.verbs == 0 { 0.0 } else { self.waited.as_secs_f64() * 1_000.0 / f64::from(self.verbs) }
    }

    /// How long it took at worst, in milliseconds.
    pub(super) fn worst_ms(&self) -> f64 {
        self.longest.as_secs_f64() * 1_000.0
    }
}

impl Observer for History {
    fn notice(&self, event: &Event<'_>) {
        match event {
            Event::LoggedIn { .. } => self.note(|minute| minute.logins += 1),
            Event::Conflict { .. } => self.note(|minute| minute.conflicts += 1),
            Event::Refused { .. } => self.note(|minute| minute.refused += 1),
            Event::StoreAnswered { took, .. } => self.note(|minute| {
                minute.verbs += 1;
                minute.waited += *took;
                minute.longest = minute.longest.max(*took);
            }),
            _ => {}
        }
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("minutes", &self.minutes().len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::FakeClock;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_happened_is_in_its_span() {
        let clock = FakeClock::new();
        let history = History::with_clock(clock.clone());
        history.note(|minute| minute.logins += 1);
        clock.advance(59 * MINUTE);
        history.note(|minute| minute.logins += 1);
        clock.advance(MINUTE);
        history.note(|minute| minute.logins += 5);
        let logins = history.spans(3, 60, |sum, minute| sum + f64::from(minute.logins));
        assert_eq!(logins, [0.0, 2.0, 5.0]);
        clock.advance(120 * MINUTE);
        let logins = history.spans(3, 60, |sum, minute| sum + f64::from(minute.logins));
        assert_eq!(logins, [5.0, 0.0, 0.0]);
    }

    #[test]
    fn a_day_is_remembered_and_no_more() {
        let clock = FakeClock::new();
        let history = History::with_clock(clock.clone());
        for _ in 0..3 * MINUTES {
            history.note(|minute| minute.conflicts += 1);
            clock.advance(MINUTE);
        }
        assert_eq!(history.minutes().len(), MINUTES);
    }

    #[test]
    fn a_clock_that_is_set_back_loses_nothing() {
        let clock = FakeClock::new();
        let history = History::with_clock(clock.clone());
        clock.advance(60 * MINUTE);
        history.note(|minute| minute.logins += 1);
        clock.set(FakeClock::new().now());
        history.note(|minute| minute.logins += 1);
        assert_eq!(history.spans(1, 60, |sum, minute| sum + f64::from(minute.logins)), [2.0]);
    }
}
