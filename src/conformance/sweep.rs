//! Laws of `sweep`: what has expired goes, and nothing else.

use std::sync::Arc;

use super::checked::{
    Checked, DAY, HOUR, KINDS, MILLISECOND, MINUTE, SKEW, all, endless, lasting, live, new_key, of_kind, rewritten,
};
use crate::clock::Timestamp;
use crate::record::Record;
use crate::store::SessionStore;

/// What expired ten minutes ago goes, and is counted; what has not stays as it is.
// behaviours 11 and 12
pub async fn removes_the_expired_only(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    assert_eq!(store.sweep(now).await, 0, "there is nothing to sweep in an empty store");
    let mut records = Vec::new();
    let minutes = |minutes| MINUTE * minutes;
    for lasts in [minutes(10), minutes(20), minutes(30), minutes(30) + MILLISECOND, minutes(50)] {
        let record = lasting(lasts, now);
        records.push((store.put_new(&record, now).await, record));
    }
    assert_eq!(store.sweep(now).await, 0, "sweep removes nothing that has not expired");
    // When the third one goes.
    let at = now + MINUTE * 30;
    assert_eq!(store.sweep(at + SKEW).await, 3, "sweep answers how many expired records it removed");
    for (key, record) in &records {
        let expected = (!record.is_expired(at)).then_some(record);
        assert_eq!(store.load(*key, at).await.as_ref(), expected, "sweep leaves what has not expired as it is");
    }
    assert_eq!(store.count(at).await, 2, "sweep leaves what has not expired");
    assert_eq!(store.sweep(at + SKEW).await, 0, "what was swept is gone, and not swept again");
}

/// A host whose clock is ahead sweeps nothing that is live by a clock that is behind; what it keeps is absent all the
/// same.
pub async fn spares_what_slower_clocks_see(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for kind in KINDS {
        let record = of_kind(kind, now);
        let key = store.put_new(&record, now).await;
        let last = Timestamp::from_millis(record.expires().as_millis() - 1);
        for ahead in [MILLISECOND, MINUTE * 5, SKEW] {
            assert_eq!(store.sweep(last + ahead).await, 0, "sweep spares what a clock shows that is {ahead:?} behind");
            assert_eq!(store.load(key, last).await.as_ref(), Some(&record), "what was spared is as it was");
            let found = store.find_by_handle(record.handle, last).await;
            assert_eq!(found, all([(key, &record)]), "what was spared is found");
        }
        assert_eq!(store.count(record.expires()).await, 0, "what has expired is not counted, swept or not");
        assert_eq!(
            store.sweep(record.expires() + SKEW).await,
            1,
            "sweep removes what no clock shows any more: {kind:?}"
        );
    }
}

/// Each record goes by its own deadlines, not by the store's idea of a lifetime.
// behaviour 12
pub async fn honours_each_record_s_deadlines(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let idle = Record { idle_deadline: now + MINUTE, absolute_deadline: now + DAY, ..live(now) };
    let absolute = Record { idle_deadline: now + DAY, absolute_deadline: now + MINUTE, ..live(now) };
    let long = lasting(DAY * 365, now);
    let old = Record { created: Timestamp::from_millis(0), seen: Timestamp::from_millis(0), ..lasting(DAY, now) };
    for record in [&idle, &absolute, &long, &old] {
        store.put_new(record, now).await;
    }
    assert_eq!(store.sweep(now + MINUTE + SKEW).await, 2, "sweep removes what has passed the earlier of its deadlines");
    assert_eq!(store.count(now + MINUTE).await, 2, "sweep goes by each record's own deadlines");
    assert_eq!(store.sweep(now + DAY + SKEW).await, 1, "sweep goes by each record's own deadlines");
}

/// A deadline that was moved meanwhile is the one that counts.
// behaviours 5, 11 and 15
pub async fn honours_a_deadline_that_moved(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (touched, shortened, prolonged) = (live(now), live(now), live(now));
    let keys = [&touched, &shortened, &prolonged].map(|record| (new_key(), record));
    for (key, record) in keys {
        store.put(key, record, now).await;
    }
    store.touch(keys[0].0, &touched, now + HOUR * 2, now).await;
    let soon = Record { idle_deadline: now + MINUTE, ..rewritten(&shortened) };
    store.replace(keys[1].0, &shortened, &soon, now).await;
    let late = Record { idle_deadline: now + HOUR * 3, ..rewritten(&prolonged) };
    store.replace(keys[2].0, &prolonged, &late, now).await;
    for (after, expected) in [(MINUTE, 1), (HOUR, 0), (HOUR * 2, 1), (HOUR * 3, 1)] {
        assert_eq!(
            store.sweep(now + after + SKEW).await,
            expected,
            "sweep goes by the deadlines as they are {after:?} later"
        );
    }
}

/// Pending records and markers that have expired are swept like sessions.
// behaviour 11
pub async fn removes_records_of_every_kind(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for kind in KINDS {
        let record = of_kind(kind, now);
        store.put_new(&record, now).await;
        assert_eq!(
            store.sweep(record.expires() + SKEW).await,
            1,
            "sweep removes expired records of every kind: {kind:?}"
        );
    }
}

/// What never expires is never swept, and can be deleted.
// behaviour 13
pub async fn keeps_what_never_expires(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = endless(now);
    let key = store.put_new(&record, now).await;
    let far = Timestamp::from_millis(u64::MAX - 1);
    assert_eq!(store.sweep(far).await, 0, "sweep never removes what never expires");
    assert_eq!(store.load(key, far).await.as_ref(), Some(&record), "what never expires survives a sweep");
    assert_eq!(store.delete(key, far).await, Some(record), "what never expires can be deleted");
    assert_eq!(store.count(far).await, 0, "what never expires can be deleted");
}

/// What was swept is gone from the index, and its key is free.
// behaviours 11 and 131
pub async fn frees_the_key(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let old = live(now);
    let key = store.put_new(&old, now).await;
    let at = old.expires();
    assert_eq!(store.sweep(at + SKEW).await, 1, "sweep answers how many expired records it removed");
    // Asked for the time before, a store that kept anything of it would show it.
    assert_eq!(store.find_by_handle(old.handle, now).await, [], "what was swept is not found");
    let new = Record { user: None, ..live(at) };
    store.put(key, &new, at).await;
    assert_eq!(store.load(key, at).await, Some(new), "the key of a swept record is free");
}
