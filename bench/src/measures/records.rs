//! Records as a store sees them, for measures of stores alone.

use std::time::Duration;

use cloakroom::{Data, Handle, Record, Revision, StoreKey, Timestamp};

const LIFE: Duration = Duration::from_secs(86_400);

/// A record of some 300 bytes.
pub(super) fn record(now: Timestamp) -> Record {
    let mut bytes = vec![0; 68];
    bytes[0] = 1;
    let mut record = Record::decode(bytes).expect("all zeros but the version");
    record.revision = Revision::first();
    record.handle = Handle::random();
    (record.created, record.seen, record.idle_deadline, record.absolute_deadline) = (now, now, now + LIFE, now + LIFE);
    record.data = Data::from(&[7; 240][..]);
    record
}

pub(super) fn key() -> StoreKey {
    let mut key = [0; 32];
    key[..16].copy_from_slice(Handle::random().as_bytes());
    key[16..].copy_from_slice(Handle::random().as_bytes());
    StoreKey::from_bytes(key)
}

/// The middle of these values.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Waits, to be put in order.
#[derive(Default)]
pub(super) struct Waits(Vec<Duration>);

impl Waits {
    pub(super) fn add(&mut self, wait: Duration) {
        self.0.push(wait);
    }

    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The wait that this share of all stays below, in microseconds.
    pub(super) fn micros(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        let place = ((self.0.len() as f64 * share) as usize).min(self.0.len().saturating_sub(1));
        self.0.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1e6)
    }
}
