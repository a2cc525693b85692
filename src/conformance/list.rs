//! Laws of `count` and `list`: live records only, each once, in the order of their keys.

use std::sync::Arc;

use super::checked::{Checked, DAY, HOUR, all, endless, lasting, live, new_key, of_kind, rewritten};
use crate::clock::Timestamp;
use crate::record::{Record, RecordKind};
use crate::store::{Found, SessionStore};
use crate::token::StoreKey;

/// Live records are counted: none that is pending, a marker, of an unknown kind, expired or deleted.
// behaviour 29
pub async fn counts_live_records_only(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    assert_eq!(store.count(now).await, 0, "an empty store counts nothing");
    store.put_new(&live(now), now).await;
    store.put_new(&Record { user: None, ..live(now) }, now).await;
    store.put_new(&of_kind(RecordKind::Pending, now), now).await;
    store.put_new(&of_kind(RecordKind::Moved, now), now).await;
    store.put_new(&of_kind(RecordKind::Unknown(200), now), now).await;
    store.put_new(&endless(now), now).await;
    assert_eq!(store.count(now).await, 3, "count counts live records, and no others");
    let deleted = store.put_new(&live(now), now).await;
    store.delete(deleted, now).await;
    assert_eq!(store.count(now).await, 3, "count counts nothing that was deleted");
    assert_eq!(store.count(now + HOUR).await, 1, "count counts nothing that has expired");
}

/// The number follows a record that is promoted, and one that becomes a marker.
// behaviour 29
pub async fn counts_what_a_record_becomes(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let pending = of_kind(RecordKind::Pending, now);
    let key = store.put_new(&pending, now).await;
    let promoted = Record { kind: RecordKind::Live, ..rewritten(&pending) };
    store.replace(key, &pending, &promoted, now).await;
    assert_eq!(store.count(now).await, 1, "a record that was promoted is counted");
    let marker = Record { kind: RecordKind::Moved, ..rewritten(&promoted) };
    store.replace(key, &promoted, &marker, now).await;
    assert_eq!(store.count(now).await, 0, "a record that became a marker is not counted");
}

/// Live records are listed, whole: none that is pending, a marker, of an unknown kind, expired or deleted.
// behaviours 29 and 32
pub async fn answers_live_records_only(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    assert_eq!(store.list(None, 10, now).await, [], "an empty store lists nothing");
    let (one, other, lasting) = (live(now), Record { user: None, ..live(now) }, lasting(DAY, now));
    let keys = [store.put_new(&one, now).await, store.put_new(&other, now).await, store.put_new(&lasting, now).await];
    store.put_new(&of_kind(RecordKind::Pending, now), now).await;
    store.put_new(&of_kind(RecordKind::Moved, now), now).await;
    store.put_new(&of_kind(RecordKind::Unknown(200), now), now).await;
    let deleted = store.put_new(&live(now), now).await;
    store.delete(deleted, now).await;
    let expected = all([(keys[0], &one), (keys[1], &other), (keys[2], &lasting)]);
    assert_eq!(store.list(None, 10, now).await, expected, "list answers live records, whole, and no others");
    let expected = all([(keys[2], &lasting)]);
    assert_eq!(store.list(None, 10, now + HOUR).await, expected, "list answers nothing that has expired");
}

/// Pages follow one another in the order of the keys, without a gap and without repeating anything.
// behaviour 29
pub async fn pages_without_gap_or_repeat(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let keys = sorted_keys();
    for key in keys.iter().rev() {
        store.put(*key, &live(now), now).await;
    }
    for (at, _) in keys.iter().enumerate() {
        // Between the live ones lies what is not listed, and must not end a page.
        store.put_new(&of_kind(if at % 2 == 0 { RecordKind::Pending } else { RecordKind::Moved }, now), now).await;
    }
    for limit in [1, 2, 7, keys.len() - 1, keys.len(), keys.len() + 1] {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = store.list(after, limit, now).await;
            assert!(page.len() <= limit, "list answers at most {limit} records");
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            listed.extend(page.into_iter().map(|found| found.key));
            assert!(listed.len() <= keys.len(), "list repeats nothing on the next page");
        }
        assert_eq!(listed, keys, "pages of {limit} list every record once, in the order of the keys");
    }
}

/// The limit is the most that is answered, and a page is full as long as there is enough.
// behaviour 29
pub async fn respects_the_limit(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for _ in 0..5 {
        store.put_new(&live(now), now).await;
    }
    for (limit, expected) in [(0, 0), (1, 1), (4, 4), (5, 5), (6, 5), (100_000, 5)] {
        assert_eq!(store.list(None, limit, now).await.len(), expected, "list answers at most {limit} records");
    }
    let after = Some(StoreKey::from_bytes([0; 32]));
    assert_eq!(store.list(after, 0, now).await, [], "list answers nothing if the limit is 0");
}

/// A page goes on behind a key, whether or not its record is still there.
// behaviour 29
pub async fn goes_on_behind_a_key_that_is_gone(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let keys = sorted_keys();
    for key in &keys {
        store.put(*key, &live(now), now).await;
    }
    let names = |found: Vec<Found>| found.into_iter().map(|found| found.key).collect::<Vec<_>>();
    store.delete(keys[5], now).await;
    let page = store.list(Some(keys[5]), 3, now).await;
    assert_eq!(names(page), keys[6..9], "list goes on behind a key whose record is gone");
    let page = store.list(Some(keys[4]), 3, now).await;
    assert_eq!(names(page), keys[6..9], "list answers what comes behind the key, and not the key itself");
    let last = StoreKey::from_bytes([0xff; 32]);
    assert_eq!(store.list(Some(last), 3, now).await, [], "behind the last key there is nothing");
}

/// Keys at random, and neighbours that an order of numbers, of signed bytes or of text could get wrong.
fn sorted_keys() -> Vec<StoreKey> {
    let mut keys: Vec<_> = (0..20).map(|_| new_key()).collect();
    for byte in [0x00, 0x01, 0x0a, 0x7f, 0x80, 0xff] {
        keys.push(StoreKey::from_bytes([byte; 32]));
        let mut neighbour = [byte; 32];
        neighbour[31] ^= 0x80;
        keys.push(StoreKey::from_bytes(neighbour));
    }
    keys.sort_unstable();
    keys
}
