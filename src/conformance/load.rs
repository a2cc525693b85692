//! Laws of `load`: a record comes back as it was given, and reading changes nothing.

use std::sync::Arc;

use super::checked::{Checked, DAY, HOUR, KINDS, endless, live, new_key, of_kind, rewritten};
use crate::clock::Timestamp;
use crate::record::{Data, Handle, MAX_USER_BYTES, Record, Revision};
use crate::store::{SessionStore, Touched};
use crate::token::StoreKey;

/// A stored record comes back byte for byte.
// behaviour 1
pub async fn answers_what_was_created(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    let key = store.put_new(&record, now).await;
    assert_eq!(store.load(key, now).await.as_ref(), Some(&record), "load answers the record that was created");
    let loaded = store.load(key, now).await.map(|record| record.data.to_vec());
    assert_eq!(loaded.as_deref(), Some(&*record.data), "load answers the bytes that were created");
}

/// An unknown key is absent, and no error.
// behaviours 2 and 3
pub async fn of_an_unknown_key_is_absent(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for round in 0..2 {
        for key in [new_key(), StoreKey::from_bytes([0x00; 32]), StoreKey::from_bytes([0xff; 32])] {
            assert_eq!(store.load(key, now).await, None, "load answers no record for a key that nobody created");
        }
        if round == 0 {
            store.put_new(&live(now), now).await;
        }
    }
}

/// Reading is no write: nothing of the record changes, its deadline neither.
// behaviour 27
pub async fn changes_nothing(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    let key = store.put_new(&record, now).await;
    let last = Timestamp::from_millis(record.expires().as_millis() - 1);
    for at in [now, now + HOUR / 2, last, now] {
        assert_eq!(store.load(key, at).await.as_ref(), Some(&record), "load changes nothing of the record");
    }
    assert_eq!(store.load(key, record.expires()).await, None, "load does not move the deadline");
    let other = live(now);
    let key = store.put_new(&other, now).await;
    store.load(key, now).await;
    let answer = store.touch(key, &other, now + HOUR, now).await;
    assert_eq!(answer, Touched::Touched, "load leaves the revision as it is");
}

/// `try_load`, if the store has it, answers what `load` answers.
pub async fn at_once_answers_the_same(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    let (key, missing, deleted) = (store.put_new(&record, now).await, new_key(), store.put_new(&live(now), now).await);
    store.delete(deleted, now).await;
    let same = async |key: StoreKey, at: Timestamp| {
        if let Some(answer) = store.try_load(key, at) {
            assert_eq!(answer, store.load(key, at).await, "try_load answers what load answers");
        }
    };
    for key in [key, missing, deleted] {
        for at in [now, record.expires(), record.expires() + DAY] {
            same(key, at).await;
        }
    }
    let key = store.put_new(&record, now).await;
    store.replace(key, &record, &rewritten(&record), now).await;
    same(key, now).await;
}

/// Records of every kind come back.
// behaviour 1
pub async fn answers_records_of_every_kind(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for kind in KINDS {
        let record = of_kind(kind, now);
        let key = store.put_new(&record, now).await;
        assert_eq!(store.load(key, now).await, Some(record), "load answers records of every kind: {kind:?}");
    }
}

/// Every column holds every value that its type has.
// behaviour 1
pub async fn keeps_every_column_to_its_limits(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let beginning = Timestamp::from_millis(0);
    let last = Timestamp::from_millis(u64::MAX - 1);
    let highest_signed = i64::MAX as u64;
    let mut records = vec![endless(now)];
    for number in [0, 1, highest_signed, highest_signed + 1, u64::MAX] {
        records.push(Record { revision: Revision { counter: number, tag: 7 }, ..live(now) });
        records.push(Record { revision: Revision { counter: 7, tag: number }, ..live(now) });
    }
    for bytes in [[0x00; 16], [0xff; 16]] {
        records.push(Record { handle: Handle::from_bytes(bytes), ..live(now) });
    }
    for instant in [beginning, last, Timestamp::NEVER] {
        records.push(Record { created: instant, ..live(now) });
        records.push(Record { seen: instant, ..live(now) });
    }
    for deadline in [last, Timestamp::NEVER] {
        records.push(Record { idle_deadline: deadline, ..live(now) });
        records.push(Record { absolute_deadline: deadline, ..live(now) });
    }
    // An expired record is not kept, so the two deadlines differ the other way round as well.
    records.push(Record { idle_deadline: now + DAY, absolute_deadline: now + HOUR, ..live(now) });
    for record in records {
        let key = store.put_new(&record, now).await;
        assert_eq!(store.load(key, now).await, Some(record), "load answers every column as it was given");
    }
}

/// Users of every length and script come back, and none is another.
// behaviour 1
pub async fn answers_users_of_every_shape(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let longest = "u".repeat(MAX_USER_BYTES);
    let longest_wide = "界".repeat(MAX_USER_BYTES / 3);
    let odd =
        ["a", " a ", "日本の客", "🦀🎟", "e\u{301}", "é", "a'b\"c\\d", "a%b_c*d?[e]", "a:b/c{d}\n\t\u{7f}", "null", "0"];
    let users = odd.into_iter().chain([&*longest, &*longest_wide]).map(Some).chain([None]);
    for user in users {
        let record = Record { user: user.map(Into::into), ..live(now) };
        let key = store.put_new(&record, now).await;
        let loaded = store.load(key, now).await.and_then(|record| record.user);
        assert_eq!(loaded.as_deref(), user, "load answers the user as it was given");
    }
}

/// Data of every size up to the limit of a record come back.
// behaviour 26
pub async fn answers_data_of_every_size(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for size in [0, 1, 2, 255, 256, 4_000, 65_535, 65_536, 70 * 1024, 1024 * 1024] {
        // All values of a byte, in an order that is not the same in every page.
        let bytes: Vec<u8> = (0..size).map(|at: usize| (at ^ (at >> 8)) as u8).collect();
        let record = Record { data: Data::from(bytes), ..live(now) };
        let key = store.put_new(&record, now).await;
        let loaded = store.load(key, now).await.is_some_and(|loaded| loaded == record);
        assert!(loaded, "load answers {size} bytes of data as they were given");
    }
}

/// Keys that look alike are different keys.
// behaviour 31
pub async fn tells_keys_apart_that_look_alike(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let mut last_differs = [0x20; 32];
    last_differs[31] = 0x21;
    let mut first_differs = [0x20; 32];
    first_differs[0] = 0x00;
    let keys = [[0x00; 32], [0xff; 32], [0x20; 32], last_differs, first_differs].map(StoreKey::from_bytes);
    let mut records = Vec::new();
    for key in keys {
        let record = live(now);
        store.put(key, &record, now).await;
        records.push(record);
    }
    // Each verb on one key leaves the others alone.
    let written = rewritten(&records[2]);
    store.replace(keys[2], &records[2], &written, now).await;
    store.touch(keys[0], &records[0], now + HOUR * 2, now).await;
    records[0].touch(now + HOUR * 2, now);
    records[2] = written;
    for (key, record) in keys.iter().zip(&records) {
        assert_eq!(store.load(*key, now).await.as_ref(), Some(record), "keys that look alike are different keys");
    }
    store.delete(keys[3], now).await;
    for (key, record) in keys.iter().zip(&records) {
        let expected = (*key != keys[3]).then_some(record);
        assert_eq!(store.load(*key, now).await.as_ref(), expected, "a deletion is one of one key");
    }
}
