//! Laws of `create`: it is the only verb that makes a record, and it never replaces one.

use std::sync::Arc;

use super::checked::{Checked, KINDS, live, new_key, of_kind, rewritten};
use crate::clock::Timestamp;
use crate::store::{Created, SessionStore};

/// A taken key is refused, and its record stays as it is, whatever its kind.
// behaviour 4
pub async fn refuses_a_taken_key(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for kind in KINDS {
        let first = of_kind(kind, now);
        let key = store.put_new(&first, now).await;
        for second in [live(now), rewritten(&first), first.clone()] {
            let answer = store.create(key, &second, now).await;
            assert_eq!(answer, Created::AlreadyExists, "create refuses a key that is taken");
            assert_eq!(store.load(key, now).await.as_ref(), Some(&first), "a refused create changes nothing");
        }
    }
}

/// A deleted key is free again.
// behaviour 7
pub async fn takes_a_deleted_key(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let key = store.put_new(&live(now), now).await;
    store.delete(key, now).await;
    let record = live(now);
    store.put(key, &record, now).await;
    assert_eq!(store.load(key, now).await, Some(record), "create keeps a record under a key that was deleted");
}

/// The key of an expired record is free, from the instant of its deadline on, and nothing of the old record is left.
// behaviours 9 and 10
pub async fn takes_an_expired_key(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let old = live(now);
    let key = store.put_new(&old, now).await;
    let last = Timestamp::from_millis(old.expires().as_millis() - 1);
    let answer = store.create(key, &live(last), last).await;
    assert_eq!(answer, Created::AlreadyExists, "a key is taken until its record has expired");
    let mut new = live(old.expires());
    new.user = None;
    let answer = store.create(key, &new, old.expires()).await;
    assert_eq!(answer, Created::Created, "the key of a record is free at the instant of its deadline");
    assert_eq!(store.load(key, old.expires()).await, Some(new), "nothing of the expired record is left");
}

/// A record that has expired when it is created is absent.
// behaviour 61
pub async fn of_an_expired_record_leaves_nothing(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let mut record = live(now);
    record.idle_deadline = now;
    let key = new_key();
    store.create(key, &record, now).await;
    assert_eq!(store.load(key, now).await, None, "a record that has expired when it is created is absent");
    store.put(key, &live(now), now).await;
}
