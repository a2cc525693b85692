//! Laws of `touch`: it notes activity, and does nothing else.

use std::sync::Arc;

use super::checked::{Checked, DAY, HOUR, MINUTE, endless, live, new_key, of_kind, rewritten};
use crate::clock::Timestamp;
use crate::record::{Record, RecordKind, Revision};
use crate::store::{SessionStore, Touched};

/// The idle deadline moves forward, and the record lasts until then.
// behaviour 15
pub async fn moves_the_idle_deadline(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    let key = store.put_new(&record, now).await;
    let (at, deadline) = (now + MINUTE * 30, now + MINUTE * 90);
    assert_eq!(store.touch(key, &record, deadline, at).await, Touched::Touched, "touch notes activity");
    let loaded = store.load(key, record.expires()).await.map(|record| record.idle_deadline);
    assert_eq!(loaded, Some(deadline), "touch moves the idle deadline forward");
    assert_eq!(store.load(key, deadline).await, None, "a touched record expires at its new idle deadline");
}

/// Nothing but the idle deadline and `seen` changes, so that a touch is no conflict for a writer.
// behaviour 15
pub async fn leaves_data_and_revision_alone(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for user in [Some("ana".into()), None] {
        let mut record = Record { user, ..live(now) };
        let key = store.put_new(&record, now).await;
        store.touch(key, &record, now + HOUR * 2, now + MINUTE).await;
        record.idle_deadline = now + HOUR * 2;
        record.seen = now + MINUTE;
        let loaded = store.load(key, now + MINUTE).await;
        assert_eq!(loaded.as_ref(), Some(&record), "touch changes the idle deadline and `seen`, and nothing else");
        store.replace(key, &record, &rewritten(&record), now + MINUTE).await;
    }
}

/// `seen` says when it was, also if the deadline stays where it is.
// behaviour 15
pub async fn notes_when_it_was(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    let key = store.put_new(&record, now).await;
    for at in [now + MINUTE, now + MINUTE * 2] {
        assert_eq!(store.touch(key, &record, record.idle_deadline, at).await, Touched::Touched, "touch notes activity");
        let seen = store.load(key, at).await.map(|record| record.seen);
        assert_eq!(seen, Some(at), "touch sets `seen` to when it was");
    }
}

/// An earlier deadline, from a request that was slower, does not shorten the session.
// behaviour 17
pub async fn never_moves_the_deadline_back(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    let key = store.put_new(&record, now).await;
    for earlier in [record.idle_deadline, now + MINUTE, now, Timestamp::from_millis(0)] {
        let answer = store.touch(key, &record, earlier, now).await;
        assert_eq!(answer, Touched::Touched, "a touch with an earlier deadline is noted");
        let deadline = store.load(key, now).await.map(|record| record.idle_deadline);
        assert_eq!(deadline, Some(record.idle_deadline), "touch never moves the idle deadline back");
    }
}

/// The absolute deadline stays, and the idle one does not pass it.
// behaviour 17
pub async fn never_passes_the_absolute_deadline(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    for beyond in [record.absolute_deadline, now + DAY * 2, Timestamp::NEVER] {
        let key = store.put_new(&record, now).await;
        assert_eq!(store.touch(key, &record, beyond, now).await, Touched::Touched, "touch notes activity");
        let loaded = store.load(key, now).await.unwrap_or_else(|| live(now));
        assert_eq!(loaded.idle_deadline, record.absolute_deadline, "touch never passes the absolute deadline");
        assert_eq!(loaded.absolute_deadline, record.absolute_deadline, "touch leaves the absolute deadline alone");
        assert_eq!(
            store.load(key, record.absolute_deadline).await,
            None,
            "the absolute deadline ends a touched record"
        );
    }
    // An idle deadline that lies beyond the absolute one already is not moved back to it.
    let beyond = Record { idle_deadline: now + DAY * 2, ..live(now) };
    let key = store.put_new(&beyond, now).await;
    store.touch(key, &beyond, now + DAY * 3, now).await;
    assert_eq!(store.load(key, now).await, Some(beyond), "touch never moves the idle deadline back");
}

/// What has no absolute deadline can be touched into never.
// behaviour 13
pub async fn knows_never(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = Record { absolute_deadline: Timestamp::NEVER, ..live(now) };
    let key = store.put_new(&record, now).await;
    store.touch(key, &record, Timestamp::NEVER, now).await;
    let deadline = store.load(key, now + DAY * 365).await.map(|record| record.idle_deadline);
    assert_eq!(deadline, Some(Timestamp::NEVER), "touch can take the idle deadline away");
    let record = endless(now);
    let key = store.put_new(&record, now).await;
    assert_eq!(store.touch(key, &record, now + HOUR, now).await, Touched::Touched, "touch notes activity");
    assert_eq!(store.load(key, now + DAY).await, Some(record), "touch gives no deadline to what has none");
}

/// A marker and a pending record are nobody's session: activity does not prolong them.
// behaviour 45
pub async fn of_what_is_not_live_is_stale(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    for kind in [RecordKind::Pending, RecordKind::Moved, RecordKind::Unknown(200)] {
        let record = of_kind(kind, now);
        let key = store.put_new(&record, now).await;
        let answer = store.touch(key, &record, now + HOUR * 2, now + MINUTE).await;
        assert_eq!(answer, Touched::Stale, "touch of a record that is not live answers Stale: {kind:?}");
        assert_eq!(store.load(key, now).await, Some(record), "a stale touch changes nothing: {kind:?}");
    }
}

/// A touch that knows an older version changes nothing.
// behaviour 15
pub async fn of_another_revision_is_stale(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let old = live(now);
    let key = store.put_new(&old, now).await;
    let new = rewritten(&old);
    store.replace(key, &old, &new, now).await;
    let same_counter = Record { revision: Revision { tag: new.revision.tag ^ 1, ..new.revision }, ..new.clone() };
    for stale in [&old, &same_counter] {
        let answer = store.touch(key, stale, now + HOUR * 2, now + MINUTE).await;
        assert_eq!(answer, Touched::Stale, "touch of another revision answers Stale");
        assert_eq!(store.load(key, now).await.as_ref(), Some(&new), "a stale touch changes nothing");
    }
}

/// What is not there is not touched into being.
// behaviour 16
pub async fn never_creates(store: Arc<dyn SessionStore>) {
    let (store, now) = (Checked::new(store), Timestamp::now());
    let record = live(now);
    let deleted = store.put_new(&record, now).await;
    store.delete(deleted, now).await;
    for key in [new_key(), deleted] {
        let answer = store.touch(key, &record, now + HOUR * 2, now).await;
        assert_eq!(answer, Touched::Gone, "touch of a missing record answers Gone");
        assert_eq!(store.load(key, now).await, None, "touch never makes a record");
    }
}
