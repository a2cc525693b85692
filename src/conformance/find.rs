//! Laws of `find_by_user` and `find_by_handle`: whoever ends sessions by them must not miss one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::checked::{Checked, HOUR, MILLISECOND, MINUTE, ROUNDS, SKEW, all, both, live, new_key, of_user, rewritten};
use crate::clock::Timestamp;
use crate::record::{Handle, Record, RecordKind};
use crate::store::{SessionStore, Touched};

/// A user's records are found, whole and of every kind, and nobody else's.
// behaviours 30 and 130
pub async fn answers_all_kinds_of_a_user(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    assert_eq!(store.find_by_user("ana", now).await, [], "an unknown user has no records");
    let kinds = [RecordKind::Live, RecordKind::Live, RecordKind::Pending, RecordKind::Moved, RecordKind::Unknown(200)];
    let [one, two, pending, moved, unknown] = kinds.map(|kind| Record { kind, ..of_user("ana", now) });
    let expected = all([
        (store.put_new(&one, now).await, &one),
        (store.put_new(&two, now).await, &two),
        (store.put_new(&pending, now).await, &pending),
        (store.put_new(&moved, now).await, &moved),
        (store.put_new(&unknown, now).await, &unknown),
    ]);
    store.put_new(&of_user("bob", now), now).await;
    store.put_new(&Record { user: None, ..live(now) }, now).await;
    assert_eq!(store.find_by_user("ana", now).await, expected, "find_by_user answers a user's records of every kind");
}

/// The records of a handle are found, whole and of every kind, and no others.
// behaviour 30
pub async fn answers_all_kinds_of_a_handle(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let handle = Handle::random();
    assert_eq!(store.find_by_handle(handle, now).await, [], "an unknown handle has no records");
    let kinds = [RecordKind::Live, RecordKind::Pending, RecordKind::Moved, RecordKind::Unknown(200)];
    let [one, pending, moved, unknown] = kinds.map(|kind| Record { kind, handle, user: None, ..live(now) });
    let expected = all([
        (store.put_new(&one, now).await, &one),
        (store.put_new(&pending, now).await, &pending),
        (store.put_new(&moved, now).await, &moved),
        (store.put_new(&unknown, now).await, &unknown),
    ]);
    store.put_new(&live(now), now).await;
    let found = store.find_by_handle(handle, now).await;
    assert_eq!(found, expected, "find_by_handle answers a handle's records of every kind");
}

/// A name is that name: no prefix, no pattern, no other case, no other way to write the same letter.
// behaviour 130
pub async fn takes_names_literally(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let users = ["ana", "anab", "an", "Ana", "ana ", " ana", "a%", "a*", "an_", "a.a", "é", "e\u{301}", "ana:1"];
    let mut expected = Vec::new();
    for user in users {
        let record = of_user(user, now);
        let key = store.put_new(&record, now).await;
        expected.push(all([(key, &record)]));
    }
    for (user, expected) in users.into_iter().zip(expected) {
        assert_eq!(store.find_by_user(user, now).await, expected, "find_by_user takes a name literally: {user:?}");
    }
    for nobody in ["", "%", "*", "a", "anabe", "ANA"] {
        assert_eq!(store.find_by_user(nobody, now).await, [], "find_by_user finds nobody by a part or a pattern");
    }
}

/// What has expired is not found, swept or not.
// behaviour 131
pub async fn answers_nothing_expired(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (soon, later) = (of_user("ana", now), Record { idle_deadline: now + HOUR * 2, ..of_user("ana", now) });
    store.put_new(&soon, now).await;
    let expected = all([(store.put_new(&later, now).await, &later)]);
    assert_eq!(store.find_by_user("ana", now + HOUR).await, expected, "find_by_user answers nothing that has expired");
    let found = store.find_by_handle(soon.handle, soon.expires()).await;
    assert_eq!(found, [], "find_by_handle answers nothing that has expired");
    assert_eq!(store.find_by_user("ana", now + HOUR * 2).await, [], "a user whose sessions have expired has none");
}

/// A host whose clock is ahead finds nothing any more, and hides it from nobody: the others find it as before.
pub async fn forgets_nothing_that_slower_clocks_see(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = of_user("ana", now);
    let expected = all([(store.put_new(&record, now).await, &record)]);
    let last = Timestamp::from_millis(record.expires().as_millis() - 1);
    for ahead in [MILLISECOND, MINUTE * 5, SKEW] {
        let at = last + ahead;
        assert_eq!(store.find_by_user("ana", at).await, []);
        assert_eq!(store.find_by_handle(record.handle, at).await, []);
        assert_eq!(store.expiries(&[record.handle], at).await, []);
        assert_eq!((store.count(at).await, store.list(None, 1, at).await), (0, Vec::new()));
        let what = "what a find does not show any more is found by a clock that is behind";
        assert_eq!(store.find_by_user("ana", last).await, expected, "{what}: {ahead:?}");
        assert_eq!(store.find_by_handle(record.handle, last).await, expected, "{what}: {ahead:?}");
    }
}

/// A record that was touched is found until its new deadline, as it is now.
// behaviour 15
pub async fn follows_a_touch(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let mut record = of_user("ana", now);
    let key = store.put_new(&record, now).await;
    let (at, deadline) = (now + MINUTE, now + HOUR * 2);
    assert_eq!(store.touch(key, &record, deadline, at).await, Touched::Touched, "touch notes activity");
    record.touch(deadline, at);
    let expected = all([(key, &record)]);
    assert_eq!(store.find_by_user("ana", now + HOUR).await, expected, "a touched record is found as it is now");
    assert_eq!(
        store.find_by_handle(record.handle, now + HOUR).await,
        expected,
        "a touched record is found as it is now"
    );
    assert_eq!(store.list(None, 9, now + HOUR).await, expected, "a touched record is listed as it is now");
    assert_eq!(store.count(now + HOUR).await, 1, "a touched record is counted");
    assert_eq!(store.find_by_user("ana", deadline).await, [], "a touched record is found until its new deadline");
}

/// After a swap a record is found under its new user and handle, and no longer under the old.
// behaviours 131 and 133
pub async fn follows_a_swap(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let mut current = Record { user: None, ..live(now) };
    let (key, first) = (store.put_new(&current, now).await, current.handle);
    let mut known = vec![first];
    for user in [Some("ana"), Some("bob"), Some("bob"), None, Some("ana")] {
        let handle = Handle::random();
        let next = Record { user: user.map(Into::into), handle, ..rewritten(&current) };
        store.replace(key, &current, &next, now).await;
        let expected = all([(key, &next)]);
        for name in ["ana", "bob"] {
            let found = store.find_by_user(name, now).await;
            let expected = if user == Some(name) { &*expected } else { &[] };
            assert_eq!(found, expected, "find_by_user follows a swap to another user");
        }
        for old in &known {
            assert_eq!(store.find_by_handle(*old, now).await, [], "find_by_handle follows a swap to another handle");
        }
        assert_eq!(store.find_by_handle(handle, now).await, expected, "find_by_handle follows a swap");
        known.push(handle);
        current = next;
    }
}

/// What was deleted is not found.
// behaviour 131
pub async fn forgets_the_deleted(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (stays, goes) = (of_user("ana", now), of_user("ana", now));
    let expected = all([(store.put_new(&stays, now).await, &stays)]);
    let key = store.put_new(&goes, now).await;
    store.delete(key, now).await;
    assert_eq!(store.find_by_user("ana", now).await, expected, "find_by_user forgets what was deleted");
    assert_eq!(store.find_by_handle(goes.handle, now).await, [], "find_by_handle forgets what was deleted");
}

/// A key that is taken over from an expired record belongs to the new user only.
// behaviour 131
pub async fn forgets_what_an_expired_key_was(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (old, key) = (of_user("ana", now), new_key());
    store.put(key, &old, now).await;
    let at = old.expires();
    let new = of_user("bob", at);
    store.put(key, &new, at).await;
    assert_eq!(store.find_by_user("ana", at).await, [], "an expired record's user is forgotten with it");
    assert_eq!(store.find_by_handle(old.handle, at).await, [], "an expired record's handle is forgotten with it");
    assert_eq!(store.find_by_user("bob", at).await, all([(key, &new)]), "the key belongs to its new user");
}

/// A create that was refused leaves no trace in the index.
// behaviour 4
pub async fn ignores_what_was_refused(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let kept = of_user("ana", now);
    let key = store.put_new(&kept, now).await;
    let refused = of_user("bob", now);
    store.create(key, &refused, now).await;
    store.swap(key, refused.revision, &refused, now).await;
    assert_eq!(store.find_by_user("bob", now).await, [], "what was refused is not found");
    assert_eq!(store.find_by_handle(refused.handle, now).await, [], "what was refused is not found");
    assert_eq!(store.find_by_user("ana", now).await, all([(key, &kept)]), "what was kept is found");
}

/// While a session is being renewed, each search finds it somewhere: nobody who ends a user's sessions misses it.
// behaviours 18 and 135
pub async fn never_misses_a_session_in_renewal(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for round in 0..ROUNDS {
        let current = of_user("ana", now);
        let (key, handle) = (store.put_new(&current, now).await, current.handle);
        let over = Arc::new(AtomicBool::new(false));
        let (searcher, renewer, stop) = (store.clone(), store.clone(), Arc::clone(&over));
        let renewal = async move {
            let seen = async || {
                let found = renewer.find_by_user("ana", now).await;
                assert!(!found.is_empty(), "find_by_user finds a session between the steps of its renewal");
                let found = renewer.find_by_handle(handle, now).await;
                assert!(!found.is_empty(), "find_by_handle finds a session between the steps of its renewal");
            };
            let pending = Record { kind: RecordKind::Pending, ..rewritten(&current) };
            let new = renewer.put_new(&pending, now).await;
            seen().await;
            let marker = Record { kind: RecordKind::Moved, ..rewritten(&current) };
            renewer.replace(key, &current, &marker, now).await;
            seen().await;
            let promoted = Record { kind: RecordKind::Live, ..rewritten(&pending) };
            renewer.replace(new, &pending, &promoted, now).await;
            stop.store(true, Ordering::Release);
            new
        };
        let searches = async move {
            while !over.load(Ordering::Acquire) {
                let found = searcher.find_by_user("ana", now).await;
                assert!(!found.is_empty(), "find_by_user finds a session that is being renewed");
                let found = searcher.find_by_handle(handle, now).await;
                assert!(!found.is_empty(), "find_by_handle finds a session that is being renewed");
                tokio::task::yield_now().await;
            }
        };
        let (new, ()) = both(round, renewal, searches).await;
        assert_eq!(store.count(now).await, 1, "a renewed session is one session");
        store.delete(key, now).await;
        store.delete(new, now).await;
        assert_eq!(store.find_by_user("ana", now).await, [], "a renewed session is found at its two places only");
    }
}
