//! Which reads are done on the thread that asks.
//!
//! A disk may stand still for seconds, as while its file system is frozen for a snapshot, and a read that has begun cannot
//! be abandoned. So one worker is always free of reads: the only one there is reads elsewhere, and so does every request while
//! a read on a worker makes no progress. Where each worker has a runtime of its own, as in actix-web, those that have asked
//! for a read are counted.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};

/// Reads on workers are taken to stand still if none of them has ended for so long.
const STANDS: Duration = Duration::from_millis(2);

/// The reads on workers, of all stores of the process, because they share the workers.
static READS: Reads = Reads { under_way: AtomicUsize::new(0), moved: AtomicU64::new(0) };

/// Threads that ask, each of them all the workers that its runtime has.
static SINGLE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static COUNTED: Counted = Counted::new();
}

/// Counts its thread for as long as that lives.
struct Counted;

struct Reads {
    under_way: AtomicUsize,
    /// When the first of these began or one of them ended, whichever was later, in microseconds.
    moved: AtomicU64,
}

/// A read on the thread that asks; it is over when this is dropped.
pub(super) struct Inline {
    counted: bool,
}

impl Inline {
    /// Returns none if the read has to run on another thread.
    pub(super) fn begin() -> Option<Self> {
        // A thread without a runtime serves no requests but its own.
        let Ok(runtime) = Handle::try_current() else { return Some(Self { counted: false }) };
        let workers = match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => Counted::threads(),
            _ => runtime.metrics().num_workers(),
        };
        READS.begin(workers.saturating_sub(1)).then(|| Self { counted: true })
    }
}

impl Counted {
    fn new() -> Self {
        SINGLE.fetch_add(1, Ordering::AcqRel);
        Self
    }

    /// How many there are, this one among them. A thread that is ending asks for nothing any more.
    fn threads() -> usize {
        let _ = COUNTED.try_with(|_| ());
        SINGLE.load(Ordering::Acquire)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        SINGLE.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Inline {
    fn drop(&mut self) {
        if self.counted {
            READS.end();
        }
    }
}

impl Reads {
    fn begin(&self, most: usize) -> bool {
        if most == 0 {
            return false;
        }
        let others = self.under_way.fetch_add(1, Ordering::AcqRel);
        if others == 0 {
            self.moved.store(micros(), Ordering::Release);
            return true;
        }
        let begins = others < most && !self.stand();
        if !begins {
            self.under_way.fetch_sub(1, Ordering::AcqRel);
        }
        begins
    }

    fn end(&self) {
        if self.under_way.fetch_sub(1, Ordering::AcqRel) > 1 {
            self.moved.store(micros(), Ordering::Release);
        }
    }

    fn stand(&self) -> bool {
        let still = micros().saturating_sub(self.moved.load(Ordering::Acquire));
        u128::from(still) > STANDS.as_micros()
    }
}

fn micros() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_left_and_none_joins_those_that_stand() {
        let reads = Reads { under_way: AtomicUsize::new(0), moved: AtomicU64::new(0) };
        assert!(!reads.begin(0), "the only worker reads");
        assert!(reads.begin(2));
        reads.moved.store(micros() + 1_000_000, Ordering::Release);
        assert!(reads.begin(2), "the first has just begun");
        assert!(!reads.begin(2), "the last worker reads");
        reads.end();
        reads.moved.store(0, Ordering::Release);
        std::thread::sleep(STANDS * 2);
        assert!(!reads.begin(2), "it joins one that stands");
        reads.end();
        assert!(reads.begin(2));
    }
}
