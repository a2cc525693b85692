//! Bounds on waiting for a store: one for all that a request waits, and one for retries after a conflict.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::error::{Error, ErrorKind, Result};
use crate::random::Random;

/// How much longer a request waits for its store.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    spent_micros: AtomicU64,
    random: Random,
    /// Whether each step has the whole time.
    by_steps: bool,
}

impl Patience {
    pub(crate) fn new(limit: Duration, random: Random) -> Self {
        Self { limit, spent_micros: AtomicU64::new(0), random, by_steps: false }
    }

    /// For work in steps whose number nobody knows: each of them has this long.
    pub(crate) fn for_each_step(limit: Duration, random: Random) -> Self {
        Self { by_steps: true, ..Self::new(limit, random) }
    }

    /// A step begins. That of a request has no more time for it than is left.
    pub(crate) fn begin_step(&self) {
        if self.by_steps {
            self.refill();
        }
    }

    /// Waits for a verb of the store, no longer than what is left. A verb that answers at once costs no timer, nor the room
    /// for one.
    pub(crate) async fn wait<T>(&self, mut verb: impl Future<Output = Result<T>> + Unpin) -> Result<T> {
        if let Poll::Ready(result) = poll_fn(|cx| Poll::Ready(Pin::new(&mut verb).poll(cx))).await {
            return result;
        }
        let start = Instant::now();
        let result = Box::pin(timeout(self.left(), verb)).await;
        self.spend(start);
        result.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Unavailable, format!("the store did not answer within {:?}", self.limit)))
        })
    }

    /// Lets a moment pass before a failed verb is tried again; false if there is no time for it.
    pub(crate) async fn pause(&self, most: Duration) -> bool {
        let pause = jittered(most, &self.random);
        if self.left() <= pause {
            return false;
        }
        let start = Instant::now();
        Box::pin(sleep(pause)).await;
        self.spend(start);
        true
    }

    /// For one of several that wait at once: each has what is left, and together they cost what `self` waits for them.
    pub(crate) fn for_one_of_many(&self) -> Self {
        let spent_micros = AtomicU64::new(self.spent_micros.load(Ordering::Relaxed));
        Self { limit: self.limit, spent_micros, random: self.random.clone(), by_steps: false }
    }

    /// Begins anew.
    pub(crate) fn refill(&self) {
        self.spent_micros.store(0, Ordering::Relaxed);
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(Duration::from_micros(self.spent_micros.load(Ordering::Relaxed)))
    }

    fn spend(&self, since: Instant) {
        let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.spent_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Retries after a conflict: at once the first time, then after longer and longer pauses, for two seconds in all.
#[derive(Debug)]
pub(crate) struct Retry {
    started: Option<Instant>,
    pub(crate) attempt: u32,
}

impl Retry {
    const FOR: Duration = Duration::from_secs(2);

    pub(crate) fn new() -> Self {
        Self { started: None, attempt: 0 }
    }

    pub(crate) async fn next(&mut self, patience: &Patience) -> Result<()> {
        self.attempt += 1;
        let started = *self.started.get_or_insert_with(Instant::now);
        // No longer than some writes take: who pauses for long loses against those who have just come.
        let most = Duration::from_micros(500) * 2_u32.pow(self.attempt.min(5));
        if started.elapsed() < Self::FOR && (!self.pauses() || patience.pause(most).await) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Conflict, "other requests change this session faster than it can be saved"))
    }

    /// Whether this attempt comes after a pause.
    pub(crate) fn pauses(&self) -> bool {
        self.attempt > 1
    }
}

/// Something between nothing and `most`, so that requests that met once do not meet again.
pub(super) fn jittered(most: Duration, random: &Random) -> Duration {
    most.mul_f64(f64::from(u32::from_le_bytes(random.bytes())) / f64::from(u32::MAX))
}
