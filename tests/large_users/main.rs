//! A user with very many sessions: ended, listed and logged in again, in bounded memory, and while others are served.
//!
//! The tests measure their process, so they run one after another.

mod file;
mod measure;
mod memory;
mod redis;
mod waiting;

use std::time::Duration;

use cloakroom::{Data, Handle, Record, RecordKind, Revision, StoreKey, Timestamp};

type Result<T = ()> = cloakroom::Result<T>;

const HOUR: Duration = Duration::from_secs(3600);

fn new_key() -> StoreKey {
    let (one, two) = (Handle::random(), Handle::random());
    StoreKey::from_bytes([*one.as_bytes(), *two.as_bytes()].concat().try_into().expect("32 bytes"))
}

/// A session of ana's that lasts an hour.
fn of_ana(data: &Data) -> Record {
    // Long enough ago that no attempt to create it can be under way.
    let now = Timestamp::now();
    let begun = Timestamp::from_millis(now.as_millis() - 3_600_000);
    let mut head = vec![0; 68];
    head[0] = 1;
    let mut record = Record::decode(head).expect("the least that is a record");
    record.kind = RecordKind::Live;
    record.revision = Revision::first();
    record.handle = Handle::random();
    (record.created, record.seen) = (begun, begun);
    (record.idle_deadline, record.absolute_deadline) = (now + HOUR, now + HOUR);
    record.user = Some("ana".into());
    record.data = data.clone();
    record
}
