//! Laws of expiry: a record is gone at the instant of its deadline, swept or not, and not a moment earlier.

use std::sync::Arc;
use std::time::Duration;

use super::checked::{
    Checked, DAY, HOUR, KINDS, MILLISECOND, MINUTE, SKEW, endless, lasting, live, of_kind, rewritten,
};
use crate::clock::Timestamp;
use crate::record::Record;
use crate::store::{SessionStore, Swap, Touched};

/// An expired record is absent, from the instant of its deadline on, although nobody swept.
// behaviours 9 and 10
pub async fn is_at_the_instant_of_the_deadline(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for kind in KINDS {
        let record = of_kind(kind, now);
        let key = store.put_new(&record, now).await;
        let last = Timestamp::from_millis(record.expires().as_millis() - 1);
        assert!(store.load(key, last).await.is_some(), "a record lasts until its deadline: {kind:?}");
        for late in [Duration::ZERO, MILLISECOND, DAY] {
            let loaded = store.load(key, record.expires() + late).await;
            assert_eq!(loaded, None, "a record has expired at its deadline: {kind:?}, {late:?} after it");
        }
    }
}

/// Whichever deadline comes first counts.
// behaviours 9 and 17
pub async fn is_by_the_earlier_deadline(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let soon = now + HOUR;
    for late in [now + DAY, Timestamp::NEVER] {
        let idle = Record { idle_deadline: soon, absolute_deadline: late, ..live(now) };
        let absolute = Record { idle_deadline: late, absolute_deadline: soon, ..live(now) };
        for record in [idle, absolute] {
            let key = store.put_new(&record, now).await;
            let last = Timestamp::from_millis(soon.as_millis() - 1);
            assert_eq!(store.load(key, last).await, Some(record), "a record lasts until its earlier deadline");
            assert_eq!(store.load(key, soon).await, None, "a record expires at the earlier of its deadlines");
        }
    }
}

/// Deadlines are exact to the millisecond.
// behaviour 28
pub async fn is_exact_to_the_millisecond(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for millis in [1, 100, 499, 500, 999] {
        let record = lasting(HOUR + Duration::from_millis(millis), now);
        let key = store.put_new(&record, now).await;
        let last = Timestamp::from_millis(record.expires().as_millis() - 1);
        assert_eq!(store.load(key, last).await.as_ref(), Some(&record), "a deadline is not rounded down");
        assert_eq!(store.load(key, record.expires()).await, None, "a deadline is not rounded up");
    }
    let short = lasting(Duration::from_millis(100), now);
    let key = store.put_new(&short, now).await;
    assert_eq!(store.load(key, short.expires()).await, None, "a record may last a tenth of a second");
}

/// A swap does not replace an expired record, and does not bring it back.
// behaviours 6 and 10
pub async fn is_beyond_a_swap(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for late in [Duration::ZERO, DAY] {
        let old = live(now);
        let key = store.put_new(&old, now).await;
        let at = old.expires() + late;
        let new = Record { idle_deadline: at + HOUR, absolute_deadline: at + DAY, ..rewritten(&old) };
        assert_eq!(
            store.swap(key, old.revision, &new, at).await,
            Swap::Gone,
            "swap answers Gone for an expired record"
        );
        let answer = store.swap(key, new.revision, &new, at).await;
        assert_eq!(answer, Swap::Gone, "an expired record is gone, not in conflict");
        assert_eq!(store.load(key, at).await, None, "swap brings no expired record back");
    }
}

/// A touch comes too late at the instant of the deadline, and does not bring the record back.
// behaviours 10 and 16
pub async fn is_beyond_a_touch(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for late in [Duration::ZERO, MILLISECOND] {
        let record = live(now);
        let key = store.put_new(&record, now).await;
        let at = record.expires() + late;
        assert_eq!(store.touch(key, &record, at + HOUR, at).await, Touched::Gone, "touch of an expired record is Gone");
        assert_eq!(store.load(key, at).await, None, "touch brings no expired record back");
    }
}

/// A host whose clock is ahead sees no record any more, and takes it from nobody: by the others' clocks it is as it
/// was.
pub async fn is_no_reason_to_forget(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for kind in KINDS {
        let record = of_kind(kind, now);
        let key = store.put_new(&record, now).await;
        let last = Timestamp::from_millis(record.expires().as_millis() - 1);
        for ahead in [MILLISECOND, MINUTE * 5, SKEW] {
            let at = last + ahead;
            assert_eq!(store.load(key, at).await, None);
            assert_eq!(store.swap(key, record.revision, &rewritten(&record), at).await, Swap::Gone);
            assert_eq!(store.touch(key, &record, at + HOUR, at).await, Touched::Gone);
            store.put_new(&live(at), at).await;
            let loaded = store.load(key, last).await;
            assert_eq!(
                loaded.as_ref(),
                Some(&record),
                "a record is kept for clocks that are {ahead:?} behind: {kind:?}"
            );
        }
    }
}

/// Deleting an expired record removes nobody's session; by no clock is it there any more.
// behaviours 8 and 10
pub async fn is_beyond_a_delete(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for late in [Duration::ZERO, MILLISECOND] {
        let record = live(now);
        let key = store.put_new(&record, now).await;
        let at = record.expires() + late;
        assert_eq!(store.delete(key, at).await, None, "delete answers no record if it has expired");
        assert_eq!(store.load(key, at).await, None, "delete brings no expired record back");
        assert_eq!(store.load(key, now).await, None, "delete removes an expired record, for clocks that are behind");
        store.put(key, &live(at), at).await;
    }
}

/// What never expires is there in the most distant future, and can be written and deleted there.
// behaviour 13
pub async fn never_comes_without_a_deadline(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = endless(now);
    let key = store.put_new(&record, now).await;
    let far = Timestamp::from_millis(u64::MAX - 1);
    assert_eq!(store.load(key, far).await.as_ref(), Some(&record), "a record without a deadline never expires");
    let written = rewritten(&record);
    store.replace(key, &record, &written, far).await;
    assert_eq!(store.delete(key, far).await, Some(written), "a record without a deadline can be deleted");
    assert_eq!(store.load(key, far).await, None, "a record without a deadline can be deleted");
}
