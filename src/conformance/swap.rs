//! Laws of `swap`: it replaces the one version that it was told, whole, and never makes a record.

use std::sync::Arc;

use super::checked::{Checked, DAY, HOUR, KINDS, MINUTE, endless, live, new_data, new_key, rewritten};
use crate::clock::Timestamp;
use crate::record::{Handle, Record, RecordKind, Revision};
use crate::store::{SessionStore, Swap};

/// The new record takes the old one's place, with every column.
// behaviour 5
pub async fn replaces_every_column(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let old = live(now);
    let key = store.put_new(&old, now).await;
    let new = Record {
        kind: RecordKind::Moved,
        revision: old.revision.next(),
        handle: Handle::random(),
        created: now + MINUTE,
        seen: now + MINUTE * 2,
        idle_deadline: now + HOUR * 3,
        absolute_deadline: now + HOUR * 2,
        user: None,
        data: new_data(),
    };
    store.replace(key, &old, &new, now).await;
    assert_eq!(store.load(key, now).await.as_ref(), Some(&new), "swap replaces every column");
    store.replace(key, &new, &old, now).await;
    assert_eq!(store.load(key, now).await, Some(old), "swap replaces every column, and back");
}

/// A record becomes pending, live and a marker, one after the other.
// behaviour 5
pub async fn changes_the_kind(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for from in KINDS {
        for to in KINDS {
            let old = Record { kind: from, ..live(now) };
            let new = Record { kind: to, ..rewritten(&old) };
            let key = store.put_new(&old, now).await;
            store.replace(key, &old, &new, now).await;
            assert_eq!(store.load(key, now).await, Some(new), "swap turns {from:?} into {to:?}");
        }
    }
}

/// The new record's deadlines count, be they earlier or later than the old one's.
// behaviour 5
pub async fn sets_the_deadlines(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let old = live(now);
    let until =
        |deadline: Timestamp| Record { idle_deadline: deadline, absolute_deadline: deadline, ..rewritten(&old) };
    for deadline in [now + MINUTE * 10, now + DAY * 3] {
        let key = store.put_new(&old, now).await;
        let new = until(deadline);
        store.replace(key, &old, &new, now).await;
        let last = Timestamp::from_millis(deadline.as_millis() - 1);
        assert_eq!(store.load(key, last).await, Some(new), "a swapped record lasts until its new deadline");
        assert_eq!(store.load(key, deadline).await, None, "a swapped record expires at its new deadline");
    }
    let endless = endless(now);
    let (ends, stays) = (store.put_new(&endless, now).await, store.put_new(&old, now).await);
    store.replace(ends, &endless, &until(now + HOUR), now).await;
    store.replace(stays, &old, &until(Timestamp::NEVER), now).await;
    assert_eq!(store.load(ends, now + HOUR).await, None, "swap gives a deadline to what had none");
    assert!(store.load(stays, now + DAY * 365).await.is_some(), "swap takes the deadline away");
}

/// A key that nobody created stays absent.
// behaviour 6
pub async fn never_creates(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (key, record) = (new_key(), live(now));
    for expected in [record.revision, Revision::first(), Revision { counter: 0, tag: 0 }] {
        let answer = store.swap(key, expected, &record, now).await;
        assert_eq!(answer, Swap::Gone, "swap of a missing record answers Gone");
        assert_eq!(store.load(key, now).await, None, "swap never creates a record");
    }
}

/// A deleted record stays deleted, whichever revision the writer knows.
// behaviours 6 and 41
pub async fn never_brings_the_deleted_back(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let first = live(now);
    let key = store.put_new(&first, now).await;
    let second = rewritten(&first);
    store.replace(key, &first, &second, now).await;
    store.delete(key, now).await;
    for expected in [second.revision, first.revision] {
        let answer = store.swap(key, expected, &rewritten(&second), now).await;
        assert_eq!(answer, Swap::Gone, "swap of a deleted record answers Gone");
        assert_eq!(store.load(key, now).await, None, "swap never brings a deleted record back");
    }
}

/// A conflict answers the current record, and leaves it as it is.
// behaviour 37
pub async fn conflict_answers_the_current_record(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let first = live(now);
    for kind in KINDS {
        let key = store.put_new(&first, now).await;
        let current = Record { kind, user: None, ..rewritten(&first) };
        store.replace(key, &first, &current, now).await;
        let answer = store.swap(key, first.revision, &rewritten(&first), now).await;
        assert_eq!(answer, Swap::Conflict(current.clone()), "a conflict answers the current record");
        assert_eq!(store.load(key, now).await, Some(current), "a conflict leaves the current record as it is");
    }
}

/// Counter and tag have to fit: two writers who count alike are told apart by their tags.
// behaviour 37
pub async fn compares_the_whole_revision(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    let key = store.put_new(&record, now).await;
    let Revision { counter, tag } = record.revision;
    for other in [
        Revision { counter, tag: tag ^ 1 },
        Revision { counter, tag: tag ^ (1 << 63) },
        Revision { counter: counter + 1, tag },
        Revision { counter: counter - 1, tag },
        Revision { counter: tag, tag: counter },
    ] {
        let answer = store.swap(key, other, &rewritten(&record), now).await;
        assert_eq!(answer, Swap::Conflict(record.clone()), "swap compares the counter and the tag of a revision");
    }
    store.replace(key, &record, &rewritten(&record), now).await;
}

/// A writer whose answer was lost finds its own write in the conflict.
// behaviour 103
pub async fn shows_a_writer_its_own_write(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let old = live(now);
    let key = store.put_new(&old, now).await;
    let new = rewritten(&old);
    store.replace(key, &old, &new, now).await;
    let answer = store.swap(key, old.revision, &new, now).await;
    assert_eq!(answer, Swap::Conflict(new), "a swap that is tried again meets its own write");
}
