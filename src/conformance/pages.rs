//! Laws of `find_page`: whoever ends a user's sessions by pages must not miss one, however many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::checked::{
    Checked, HOUR, KINDS, MINUTE, ROUNDS, both, create_all, entry_of, live, new_key, of_user, rewritten, unique,
};
use crate::clock::Timestamp;
use crate::record::{Handle, Record, RecordKind};
use crate::store::{FindBy, SessionStore};

/// Records of every kind are shown, with all their columns, and nobody else's.
pub async fn show_every_kind(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    assert_eq!(store.all_pages(FindBy::User("ana"), 10, now).await, [], "an unknown user has no records");
    let handle = Handle::random();
    let (mut of_ana, mut of_handle) = (Vec::new(), Vec::new());
    for kind in KINDS {
        let record = Record { kind, ..of_user("ana", now) };
        of_ana.push(entry_of(store.put_new(&record, now).await, &record));
        let record = Record { kind, handle, user: None, ..live(now) };
        of_handle.push(entry_of(store.put_new(&record, now).await, &record));
        store.put_new(&Record { kind, ..of_user("bob", now) }, now).await;
    }
    let found = store.all_pages(FindBy::User("ana"), 10, now).await;
    assert_eq!(found, unique(of_ana), "find_page shows a user's records of every kind, and no others");
    let found = store.all_pages(FindBy::Handle(handle), 10, now).await;
    assert_eq!(found, unique(of_handle), "find_page shows a handle's records of every kind, and no others");
}

/// A name is that name, as for `find_by_user`.
pub async fn take_names_literally(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let users = ["ana", "anab", "an", "Ana", "ana ", "a%", "a*", "é", "e\u{301}"];
    let mut expected = Vec::new();
    for user in users {
        let record = of_user(user, now);
        expected.push(entry_of(store.put_new(&record, now).await, &record));
    }
    for (user, expected) in users.into_iter().zip(expected) {
        let found = store.all_pages(FindBy::User(user), 10, now).await;
        assert_eq!(found, [expected], "find_page takes a name literally: {user:?}");
    }
    for nobody in ["", "%", "*", "a", "ANA"] {
        let found = store.all_pages(FindBy::User(nobody), 10, now).await;
        assert_eq!(found, [], "find_page finds nobody by a part or a pattern");
    }
}

/// All pages together have all records, however small the pages are.
pub async fn miss_nothing_that_is_there(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let handle = Handle::random();
    let mut records: Vec<_> = (0..300).map(|_| (new_key(), of_user("ana", now))).collect();
    records.extend((0..20).map(|_| (new_key(), Record { handle, ..of_user("bob", now) })));
    create_all(&store, &records, now).await;
    let of = |by: FindBy<'_>| {
        unique(records.iter().filter(|(_, record)| by.matches(record)).map(|(key, record)| entry_of(*key, record)))
    };
    for by in [FindBy::User("ana"), FindBy::User("bob"), FindBy::Handle(handle)] {
        for limit in [1, 7, 100, 1_000] {
            assert_eq!(store.all_pages(by, limit, now).await, of(by), "pages of {limit} have every record: {by:?}");
        }
    }
}

/// Whoever deletes what a page shows before the next one is read misses nothing.
pub async fn go_on_while_their_records_are_deleted(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let records: Vec<_> = (0..300).map(|_| (new_key(), of_user("ana", now))).collect();
    create_all(&store, &records, now).await;
    let (mut seen, mut from) = (Vec::new(), None);
    loop {
        let page = store.find_page(FindBy::User("ana"), from, 20, now).await;
        store.delete_many(&page.entries, now).await;
        seen.extend(page.entries);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let expected = unique(records.iter().map(|(key, record)| entry_of(*key, record)));
    assert_eq!(unique(seen), expected, "pages have every record, though those before them were deleted");
    assert_eq!(store.all_pages(FindBy::User("ana"), 20, now).await, [], "what was deleted is not found");
}

/// What has expired is not shown, swept or not.
pub async fn leave_out_the_expired(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let (soon, later) = (of_user("ana", now), Record { idle_deadline: now + HOUR * 2, ..of_user("ana", now) });
    store.put_new(&soon, now).await;
    let later = entry_of(store.put_new(&later, now).await, &later);
    let found = store.all_pages(FindBy::User("ana"), 10, now + HOUR).await;
    assert_eq!(found, [later], "find_page shows nothing that has expired");
    assert_eq!(store.all_pages(FindBy::Handle(soon.handle), 10, soon.expires()).await, [], "nor of a handle");
}

/// A record is shown as it is now: after a touch, and after a swap to another user and another handle.
pub async fn follow_a_touch_and_a_swap(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let mut record = of_user("ana", now);
    let key = store.put_new(&record, now).await;
    let at = now + MINUTE;
    store.touch(key, &record, now + HOUR * 2, at).await;
    record.touch(now + HOUR * 2, at);
    let found = store.all_pages(FindBy::User("ana"), 10, now + HOUR).await;
    assert_eq!(found, [entry_of(key, &record)], "a touched record is shown as it is now");
    let next = Record { user: Some("bob".into()), handle: Handle::random(), ..rewritten(&record) };
    store.replace(key, &record, &next, at).await;
    assert_eq!(store.all_pages(FindBy::User("ana"), 10, at).await, [], "find_page follows a swap to another user");
    let found = store.all_pages(FindBy::Handle(record.handle), 10, at).await;
    assert_eq!(found, [], "find_page follows a swap to another handle");
    for by in [FindBy::User("bob"), FindBy::Handle(next.handle)] {
        assert_eq!(store.all_pages(by, 10, at).await, [entry_of(key, &next)], "find_page follows a swap");
    }
}

/// What many deletes removed together is found no more, and all the rest is.
pub async fn forget_what_was_deleted_with_others(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let records: Vec<_> = (0..20).map(|_| (new_key(), of_user("ana", now))).collect();
    create_all(&store, &records, now).await;
    let entries: Vec<_> = records.iter().map(|(key, record)| entry_of(*key, record)).collect();
    let (go, stay) = entries.split_at(12);
    store.delete_many(go, now).await;
    assert_eq!(store.all_pages(FindBy::User("ana"), 10, now).await, unique(stay.to_vec()), "the others are found");
    assert_eq!(store.find_by_user("ana", now).await.len(), stay.len(), "find_by_user finds the others");
    for entry in go {
        assert_eq!(store.find_by_handle(entry.handle, now).await, [], "what was deleted is not found by its handle");
    }
    assert_eq!(store.count(now).await, stay.len() as u64, "what was deleted is not counted");
}

/// While a session is being renewed, each pass finds it somewhere.
pub async fn never_miss_a_session_in_renewal(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for round in 0..ROUNDS {
        let current = of_user("ana", now);
        let (key, handle) = (store.put_new(&current, now).await, current.handle);
        let over = Arc::new(AtomicBool::new(false));
        let (searcher, renewer, stop) = (store.clone(), store.clone(), Arc::clone(&over));
        let renewal = async move {
            let seen = async || {
                for by in [FindBy::User("ana"), FindBy::Handle(handle)] {
                    let found = renewer.all_pages(by, 10, now).await;
                    assert!(!found.is_empty(), "find_page finds a session between the steps of its renewal");
                }
            };
            let pending = Record { kind: RecordKind::Pending, ..rewritten(&current) };
            let new = renewer.put_new(&pending, now).await;
            seen().await;
            renewer.replace(key, &current, &Record { kind: RecordKind::Moved, ..rewritten(&current) }, now).await;
            seen().await;
            renewer.replace(new, &pending, &Record { kind: RecordKind::Live, ..rewritten(&pending) }, now).await;
            stop.store(true, Ordering::Release);
            new
        };
        let searches = async move {
            while !over.load(Ordering::Acquire) {
                for by in [FindBy::User("ana"), FindBy::Handle(handle)] {
                    let found = searcher.all_pages(by, 10, now).await;
                    assert!(!found.is_empty(), "find_page finds a session that is being renewed");
                }
                tokio::task::yield_now().await;
            }
        };
        let (new, ()) = both(round, renewal, searches).await;
        store.delete(key, now).await;
        store.delete(new, now).await;
    }
}
