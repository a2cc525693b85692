//! Records as stores see them.

use std::time::Duration;

use cloakroom::{Data, Handle, Record, Revision, StoreKey, Timestamp};

/// A record of some 300 bytes that lives for so long.
pub(crate) fn record(now: Timestamp, life: Duration) -> Record {
    let mut bytes = vec![0; 68];
    bytes[0] = 1;
    let mut record = Record::decode(bytes).unwrap_or_else(|error| unreachable!("{error}"));
    record.revision = Revision::first();
    record.handle = Handle::random();
    (record.created, record.seen, record.idle_deadline, record.absolute_deadline) = (now, now, now + life, now + life);
    record.data = Data::from(&[7; 240][..]);
    record
}

pub(crate) fn key() -> StoreKey {
    let mut key = [0; 32];
    key[..16].copy_from_slice(Handle::random().as_bytes());
    key[16..].copy_from_slice(Handle::random().as_bytes());
    StoreKey::from_bytes(key)
}
