//! Laws of `delete`: gone at once, and it says what it removed.

use std::sync::Arc;

use super::checked::{Checked, HOUR, KINDS, MINUTE, live, new_key, of_kind, rewritten};
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
