//! Laws of `announcements` and `on_removal`: what a store tells by itself. One that tells nothing keeps them all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::checked::{Checked, KINDS, MINUTE, SKEW, entry_of, lasting, live, of_kind};
use crate::clock::Timestamp;
use crate::record::{Data, Handle, Record, RecordKind};
use crate::store::{Announcement, Removal, SessionStore, Swap};

/// A word is on its way for no longer than this.
const A_WORD: Duration = Duration::from_secs(10);

/// Whoever listens is told so first, and then of every record that is deleted, of every kind, or ended by a swap.
pub async fn tell_of_every_delete(store: Arc<dyn SessionStore>) {
    let (said, mut heard) = mpsc::unbounded_channel();
    let announcer = Arc::clone(&store);
    let announces = {
        let tell = |_: Announcement| {};
        announcer.index().is_some_and(|index| index.announcements(&tell).is_some())
    };
    if !announces {
        return;
    }
    let listener = tokio::spawn(async move {
        let tell = move |announcement| {
            let _ = said.send(announcement);
        };
        match announcer.index().and_then(|index| index.announcements(&tell)) {
            Some(announcements) => announcements.await,
            None => Ok(()),
        }
    });
    let mut next = async || timeout(A_WORD, heard.recv()).await.ok().flatten();
    assert_eq!(next().await, Some(Announcement::Listening), "a store says when it listens, and nothing before");
    let (store, now) = (Checked::new(store), Timestamp::now());
    for _ in 0..3 {
        for kind in KINDS {
            let record = of_kind(kind, now);
            let key = store.put_new(&record, now).await;
            store.delete(key, now).await;
            // Others may be announced as well, this one must be.
            loop {
                match next().await {
                    Some(Announcement::Deleted(handle)) if handle == record.handle => break,
                    Some(_) => {}
                    None => panic!("a delete is announced: {kind:?}"),
                }
            }
        }
    }
    let record = of_kind(RecordKind::Live, now);
    let key = store.put_new(&record, now).await;
    let ended = Record {
        kind: RecordKind::Ended,
        revision: record.revision.next(),
        user: None,
        data: Data::EMPTY,
        ..record.clone()
    };
    assert_eq!(store.swap(key, record.revision, &ended, now).await, Swap::Swapped);
    loop {
        match next().await {
            Some(Announcement::Deleted(handle)) if handle == record.handle => break,
            Some(_) => {}
            None => panic!("a swap that ends a session is announced"),
        }
    }
    let (mut entries, mut handles) = (Vec::new(), Vec::new());
    for kind in KINDS {
        let record = of_kind(kind, now);
        entries.push(entry_of(store.put_new(&record, now).await, &record));
        handles.push(record.handle);
    }
    store.delete_many(&entries, now).await;
    while !handles.is_empty() {
        match next().await {
            Some(Announcement::Deleted(deleted)) => handles.retain(|handle| *handle != deleted),
            Some(_) => {}
            None => panic!("each delete of many is announced"),
        }
    }
    listener.abort();
}

/// What a sweep removes is told at most once, with the record as it was, and only what was live and has expired.
// behaviour 137
pub async fn tell_of_what_is_swept_once(store: Arc<dyn SessionStore>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    if let Some(index) = store.index() {
        let told = Arc::clone(&told);
        index.on_removal(Arc::new(move |why, record: &Record| {
            told.lock().unwrap_or_else(PoisonError::into_inner).push((why, record.clone()));
        }));
    }
    let (store, now) = (Checked::new(store), Timestamp::now());
    let expires = [lasting(MINUTE, now), lasting(MINUTE, now)];
    for record in &expires {
        store.put_new(record, now).await;
    }
    for kind in [RecordKind::Pending, RecordKind::Moved] {
        store.put_new(&Record { kind, ..lasting(MINUTE, now) }, now).await;
    }
    store.put_new(&live(now), now).await;
    let deleted = store.put_new(&live(now), now).await;
    store.delete(deleted, now).await;
    store.sweep(now + MINUTE + SKEW).await;
    store.sweep(now + MINUTE + SKEW).await;
    let told = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
    let mut handles: Vec<Handle> = told.iter().map(|(_, record)| record.handle).collect();
    handles.sort_unstable();
    handles.dedup();
    assert_eq!(handles.len(), told.len(), "a removal is told once");
    for (why, record) in &told {
        assert_eq!(*why, Removal::Expired, "what a sweep removes has expired");
        assert!(expires.contains(record), "only expired records that were live are told, as they were: {record:?}");
    }
    assert!(told.is_empty() || told.len() == expires.len(), "a store that tells of removals tells of all");
}
