//! Laws of `delete`: gone at once, and it says what it removed.

use std::sync::Arc;

use super::checked::{Checked, HOUR, KINDS, MINUTE, create_all, entry_of, lasting, live, new_key, of_kind, rewritten};
use crate::clock::Timestamp;
use crate::store::SessionStore;

/// The record is gone, and the answer is what it was, whatever its kind: a marker says where to go on deleting.
// behaviour 7
pub async fn answers_what_it_removed(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for kind in KINDS {
        let record = of_kind(kind, now);
        let key = store.put_new(&record, now).await;
        assert_eq!(store.delete(key, now).await, Some(record), "delete answers the record that it removed: {kind:?}");
        assert_eq!(store.load(key, now).await, None, "a deleted record is absent: {kind:?}");
    }
}

/// It is the record as it is now that goes, whoever wrote it last.
// behaviours 5 and 7
pub async fn answers_the_newest_version(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let first = live(now);
    let key = store.put_new(&first, now).await;
    let mut second = rewritten(&first);
    store.replace(key, &first, &second, now).await;
    store.touch(key, &second, now + HOUR * 2, now + MINUTE).await;
    second.touch(now + HOUR * 2, now + MINUTE);
    assert_eq!(store.delete(key, now + MINUTE).await, Some(second), "delete answers the newest version of the record");
}

/// What is not there can be deleted, and deleted again: there was none.
// behaviour 8
pub async fn of_a_missing_record_answers_none(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let deleted = store.put_new(&live(now), now).await;
    store.delete(deleted, now).await;
    for key in [deleted, deleted, new_key()] {
        assert_eq!(store.delete(key, now).await, None, "delete of a missing record answers that there was none");
    }
}

/// Many records go together, of every kind, and no others.
pub async fn of_many_removes_these_only(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    assert_eq!(store.delete_many(&[], now).await, [], "delete_many of nothing removes nothing");
    let (mut gone, mut entries) = (Vec::new(), Vec::new());
    for kind in KINDS {
        let record = of_kind(kind, now);
        let key = store.put_new(&record, now).await;
        gone.push(key);
        entries.push(entry_of(key, &record));
    }
    gone.sort_unstable();
    let other = live(now);
    let key = store.put_new(&other, now).await;
    assert_eq!(store.delete_many(&entries, now).await, gone, "delete_many returns the keys of what it removed");
    for key in gone {
        assert_eq!(store.load(key, now).await, None, "what delete_many removed is absent");
    }
    assert_eq!(store.load(key, now).await, Some(other), "delete_many leaves all others");
}

/// What was not there, or had expired, is not among what was removed; what has changed since it was found goes all the
/// same.
pub async fn of_many_tells_what_was_there(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (first, short) = (live(now), lasting(MINUTE, now));
    let (key, expires) = (store.put_new(&first, now).await, store.put_new(&short, now).await);
    let deleted = store.put_new(&live(now), now).await;
    store.delete(deleted, now).await;
    store.replace(key, &first, &rewritten(&first), now).await;
    let entries = [(key, &first), (expires, &short), (deleted, &first), (new_key(), &first)];
    let entries = entries.map(|(key, record)| entry_of(key, record));
    let removed = store.delete_many(&entries, now + MINUTE).await;
    assert_eq!(removed, [key], "delete_many returns the keys of records that were there");
    assert_eq!(store.load(key, now).await, None, "a record that changed since it was found is removed");
    assert_eq!(store.delete_many(&entries, now + MINUTE).await, [], "what is gone is not removed again");
}

/// A page of an index is no limit: whatever the store does at once, all of them go.
pub async fn of_many_has_no_limit(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let records: Vec<_> = (0..1_200).map(|_| (new_key(), live(now))).collect();
    create_all(&store, &records, now).await;
    let entries: Vec<_> = records.iter().map(|(key, record)| entry_of(*key, record)).collect();
    assert_eq!(
        store.delete_many(&entries, now).await.len(),
        entries.len(),
        "delete_many removes as many as it is given"
    );
    for (key, _) in records.iter().step_by(100) {
        assert_eq!(store.load(*key, now).await, None, "what delete_many removed is absent");
    }
}
