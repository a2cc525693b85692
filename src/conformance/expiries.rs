//! Laws of `expiries`: whoever waits for the end of a session must neither miss it nor be told of it too soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::checked::{Checked, DAY, HOUR, MILLISECOND, MINUTE, ROUNDS, both, endless, lasting, live, rewritten};
use crate::clock::Timestamp;
use crate::record::{Handle, Record, RecordKind};
use crate::store::SessionStore;

/// Of many sessions, those that live are answered, each once, with the earlier of its deadlines; a question for nobody
/// is one, too.
pub async fn answers_when_each_session_expires(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    assert_eq!(store.expiries(&[], now).await, [], "nobody was asked for");
    let records = [
        lasting(MINUTE, now),
        Record { idle_deadline: now + DAY, absolute_deadline: now + HOUR, ..live(now) },
        Record { user: None, ..live(now) },
        endless(now),
    ];
    for record in &records {
        store.put_new(record, now).await;
    }
    store.put_new(&live(now), now).await;
    let mut asked: Vec<_> = records.iter().map(|record| record.handle).collect();
    asked.insert(1, Handle::random());
    let expected = records.iter().map(|record| (record.handle, record.expires()));
    assert_eq!(store.expiries(&asked, now).await, sorted(expected), "expiries answers the sessions that live");
}

/// A thousand sessions are one question.
pub async fn answers_a_thousand_at_once(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (mut asked, mut expected) = (Vec::new(), Vec::new());
    for number in 0..1_000 {
        if number % 10 == 0 {
            let record = live(now);
            store.put_new(&record, now).await;
            expected.push((record.handle, record.expires()));
            asked.push(record.handle);
        } else {
            asked.push(Handle::random());
        }
    }
    assert_eq!(store.expiries(&asked, now).await, sorted(expected), "expiries answers for a thousand sessions");
}

/// A session that was deleted is over, and so is one that has expired, from that very instant on.
pub async fn leaves_out_what_is_over(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (deleted, expires) = (live(now), lasting(MINUTE, now));
    let key = store.put_new(&deleted, now).await;
    store.put_new(&expires, now).await;
    let asked = [deleted.handle, expires.handle];
    store.delete(key, now).await;
    let lives = [(expires.handle, expires.expires())];
    assert_eq!(store.expiries(&asked, now).await, lives, "expiries leaves out what was deleted");
    let last = now + (MINUTE - MILLISECOND);
    assert_eq!(store.expiries(&asked, last).await, lives, "expiries answers a session until it expires");
    assert_eq!(store.expiries(&asked, now + MINUTE).await, [], "expiries leaves out what has expired");
}

/// Activity moves the expiry, and so does whoever writes the record.
pub async fn follows_a_touch_and_a_swap(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    let key = store.put_new(&record, now).await;
    store.touch(key, &record, now + HOUR * 2, now).await;
    let answer = store.expiries(&[record.handle], now + HOUR).await;
    assert_eq!(answer, [(record.handle, now + HOUR * 2)], "expiries follows a touch");
    let next = Record { idle_deadline: now + HOUR * 3, ..rewritten(&record) };
    store.replace(key, &record, &next, now).await;
    let answer = store.expiries(&[record.handle], now + HOUR * 2).await;
    assert_eq!(answer, [(record.handle, now + HOUR * 3)], "expiries follows a swap");
}

/// What a renewal leaves behind is no session: a marker outlives the session that it stood for, and so may a pending
/// record whose renewal was cut off.
pub async fn takes_no_leftover_for_a_session(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (marker, pending) =
        (Record { kind: RecordKind::Moved, ..live(now) }, Record { kind: RecordKind::Pending, ..live(now) });
    store.put_new(&marker, now).await;
    store.put_new(&pending, now).await;
    let answer = store.expiries(&[marker.handle, pending.handle], now).await;
    assert_eq!(answer, [], "neither a marker alone nor a pending record alone is a session");
}

/// What a newer version made of a session has not ended, until it expires or is deleted.
pub async fn takes_an_unknown_kind_for_a_session(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (record, other) = (Record { kind: RecordKind::Unknown(200), ..live(now) }, live(now));
    let key = store.put_new(&record, now).await;
    store.put_new(&other, now).await;
    let asked = [record.handle, other.handle];
    let expected = sorted(asked.map(|handle| (handle, now + HOUR)));
    assert_eq!(
        store.expiries(&asked, now).await,
        expected,
        "a record of an unknown kind is a session, and hides no other"
    );
    store.delete(key, now).await;
    let lives = [(other.handle, now + HOUR)];
    assert_eq!(store.expiries(&asked, now).await, lives, "expiries leaves out what was deleted, of whatever kind");
}

/// At every moment of its renewal a session is one that lives.
// behaviour 18
pub async fn never_misses_a_session_in_renewal(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for round in 0..ROUNDS {
        let current = live(now);
        let (key, handle) = (store.put_new(&current, now).await, current.handle);
        let over = Arc::new(AtomicBool::new(false));
        let (asker, renewer, stop) = (store.clone(), store.clone(), Arc::clone(&over));
        let renewal = async move {
            let lives = async || {
                let answer = renewer.expiries(&[handle], now).await;
                assert_eq!(answer.len(), 1, "expiries answers a session between the steps of its renewal");
            };
            let pending = Record { kind: RecordKind::Pending, ..rewritten(&current) };
            let new = renewer.put_new(&pending, now).await;
            lives().await;
            renewer.replace(key, &current, &Record { kind: RecordKind::Moved, ..rewritten(&current) }, now).await;
            lives().await;
            renewer.replace(new, &pending, &Record { kind: RecordKind::Live, ..rewritten(&pending) }, now).await;
            lives().await;
            stop.store(true, Ordering::Release);
            new
        };
        let questions = async move {
            while !over.load(Ordering::Acquire) {
                let answer = asker.expiries(&[handle], now).await;
                assert_eq!(answer.len(), 1, "expiries answers a session that is being renewed");
                tokio::task::yield_now().await;
            }
        };
        let (new, ()) = both(round, renewal, questions).await;
        store.delete(new, now).await;
        assert_eq!(store.expiries(&[handle], now).await, [], "its marker is no session");
        store.delete(key, now).await;
    }
}

fn sorted(expiries: impl IntoIterator<Item = (Handle, Timestamp)>) -> Vec<(Handle, Timestamp)> {
    let mut expiries: Vec<_> = expiries.into_iter().collect();
    expiries.sort_unstable();
    expiries
}
