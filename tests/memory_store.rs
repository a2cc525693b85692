//! What the memory store promises beyond the laws of all stores: it is bounded, and it gives up the right sessions.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cloakroom::{
    Created, Data, ErrorKind, Handle, MemoryStore, Record, RecordKind, Result, Revision, SessionIndex, SessionStore,
    StoreKey, Swap, Timestamp,
};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn key(number: u8) -> StoreKey {
    StoreKey::from_bytes([number; 32])
}

/// A record that lasts so long, as a store of another process reads it.
fn record(user: Option<&str>, kind: RecordKind, lasts: Duration) -> Record {
    let kind = match kind {
        RecordKind::Live => 0,
        RecordKind::Pending => 1,
        _ => 2,
    };
    let Revision { counter, tag } = Revision::first();
    let mut bytes = vec![1, kind];
    bytes.extend([counter.to_le_bytes(), tag.to_le_bytes()].concat());
    bytes.extend(Handle::random().as_bytes());
    for instant in [NOW, NOW, NOW + lasts, NOW + lasts] {
        bytes.extend(instant.as_millis().to_le_bytes());
    }
    let length = user.map_or(0, |user| user.len() as u16 + 1);
    bytes.extend(length.to_le_bytes());
    bytes.extend(user.unwrap_or_default().as_bytes());
    Record::decode(bytes).expect("the format of a record")
}

/// A live record with so many bytes of values.
fn large(user: Option<&str>, bytes: usize) -> Record {
    let mut record = record(user, RecordKind::Live, HOUR);
    record.data = Data::from(vec![7; bytes]);
    record
}

/// One of many keys, which are spread as hashes are.
fn spread(number: u32) -> StoreKey {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.wrapping_mul(0x9E37_79B1).to_be_bytes());
    bytes[24..28].copy_from_slice(&number.to_le_bytes());
    bytes[28..].copy_from_slice(&number.wrapping_mul(0x85EB_CA6B).to_le_bytes());
    StoreKey::from_bytes(bytes)
}

fn anonymous() -> Record {
    record(None, RecordKind::Live, HOUR)
}

fn of_user() -> Record {
    of("ana")
}

fn of(user: &str) -> Record {
    record(Some(user), RecordKind::Live, HOUR)
}

/// A store that holds these records under the keys 0, 1, 2 …, each used a second after the one before.
async fn full_of<const N: usize>(records: [Record; N]) -> Result<MemoryStore> {
    let store = MemoryStore::with_limit(N);
    for (number, record) in (0..).zip(records) {
        assert_eq!(store.create(&key(number), &record, NOW + SECOND * number.into()).await?, Created::Created);
    }
    Ok(store)
}

/// Which of the keys 0, 1, 2 … are there, without using them.
async fn left<const N: usize>(store: &MemoryStore, now: Timestamp) -> Result<[bool; N]> {
    let mut left = [false; N];
    for (number, left) in (0..).zip(&mut left) {
        // A swap of a revision that nobody has answers a conflict, and counts as no use.
        *left = store.swap(&key(number), Revision::first(), &anonymous(), now).await? != Swap::Gone;
    }
    Ok(left)
}

#[tokio::test]
async fn a_full_store_sweeps_what_has_expired_first() -> Result<()> {
    let store = full_of([anonymous(), record(Some("ana"), RecordKind::Live, SECOND * 20), anonymous()]).await?;
    let later = NOW + SECOND * 20;
    assert_eq!(store.create(&key(3), &anonymous(), later).await?, Created::Created);
    assert_eq!(left(&store, later).await?, [true, false, true, true]);
    Ok(())
}

#[tokio::test]
async fn a_full_store_gives_up_the_least_recently_used_session_without_a_user() -> Result<()> {
    let store = full_of([of_user(), anonymous(), anonymous(), anonymous()]).await?;
    for (number, expected) in [(4, [true, false, true, true, true, false]), (5, [true, false, false, true, true, true])]
    {
        assert_eq!(store.create(&key(number), &of_user(), NOW + SECOND * 10).await?, Created::Created);
        assert_eq!(left(&store, NOW + SECOND * 10).await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn loading_writing_and_touching_count_as_use() -> Result<()> {
    let records = [anonymous(), anonymous(), anonymous(), anonymous(), anonymous()];
    let store = full_of(records.clone()).await?;
    let later = NOW + SECOND * 10;
    assert!(store.load(&key(0), later).await?.is_some());
    assert!(store.try_load(&key(1), later).expect("memory answers at once")?.is_some());
    store.touch(&key(2), records[2].revision, NOW + HOUR, later).await?;
    assert_eq!(store.swap(&key(3), records[3].revision, &anonymous(), later).await?, Swap::Swapped);
    store.create(&key(5), &anonymous(), later).await?;
    assert_eq!(left(&store, later).await?, [true, true, true, true, false, true]);
    Ok(())
}

#[tokio::test]
async fn counting_listing_and_finding_are_no_use() -> Result<()> {
    let oldest = anonymous();
    let store = full_of([oldest.clone(), anonymous()]).await?;
    let later = NOW + SECOND * 10;
    assert_eq!(store.count(later).await?, 2);
    assert_eq!(store.list(None, 1, later).await?.len(), 1);
    assert_eq!(store.find_by_handle(oldest.handle, later).await?.len(), 1);
    store.create(&key(2), &anonymous(), later).await?;
    assert_eq!(left(&store, later).await?, [false, true, true]);
    Ok(())
}

#[tokio::test]
async fn a_full_store_never_gives_up_a_session_with_a_user_nor_one_that_is_being_renewed() -> Result<()> {
    let kept = [of_user(), record(None, RecordKind::Pending, HOUR), record(None, RecordKind::Moved, HOUR)];
    let store = full_of(kept.clone()).await?;
    for new in [anonymous(), of_user()] {
        let refused = store.create(&key(3), &new, NOW + SECOND * 10).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Full));
    }
    for (number, record) in (0..).zip(kept) {
        assert_eq!(store.load(&key(number), NOW).await?, Some(record), "Full leaves everything as it was");
    }
    assert_eq!(store.load(&key(3), NOW).await?, None);
    assert_eq!(store.find_by_user("ana", NOW).await?.len(), 1, "Full leaves nothing in the index");
    Ok(())
}

#[tokio::test]
async fn a_full_store_has_room_again_after_a_delete_and_after_a_sweep() -> Result<()> {
    let store = full_of([of_user(), record(Some("bob"), RecordKind::Live, SECOND)]).await?;
    assert!(store.delete(&key(0), NOW).await?.is_some());
    assert_eq!(store.create(&key(2), &of_user(), NOW).await?, Created::Created);
    assert!(store.create(&key(3), &of_user(), NOW).await.is_err());
    assert_eq!(store.sweep(NOW + SECOND + Timestamp::MAX_SKEW).await?, 1);
    assert_eq!(store.create(&key(3), &of_user(), NOW + SECOND).await?, Created::Created);
    assert!(store.create(&key(4), &of_user(), NOW + SECOND).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_session_that_logs_in_is_not_given_up_and_one_that_logs_out_is() -> Result<()> {
    let records = [anonymous(), of_user()];
    let store = full_of(records.clone()).await?;
    store.swap(&key(0), records[0].revision, &of_user(), NOW + SECOND).await?;
    store.swap(&key(1), records[1].revision, &anonymous(), NOW + SECOND).await?;
    store.create(&key(2), &of_user(), NOW + SECOND * 10).await?;
    assert_eq!(left(&store, NOW + SECOND * 10).await?, [true, false, true]);
    Ok(())
}

#[tokio::test]
async fn a_taken_key_costs_a_full_store_nothing() -> Result<()> {
    let store = full_of([anonymous(), anonymous()]).await?;
    let later = NOW + SECOND * 10;
    assert_eq!(store.create(&key(1), &anonymous(), later).await?, Created::AlreadyExists);
    assert_eq!(left(&store, later).await?, [true, true], "nothing is given up for a create that is refused");
    let store = full_of([of_user()]).await?;
    assert_eq!(store.create(&key(0), &anonymous(), later).await?, Created::AlreadyExists);
    Ok(())
}

#[tokio::test]
async fn an_expired_key_is_taken_over_in_a_full_store() -> Result<()> {
    let short = record(Some("bob"), RecordKind::Live, SECOND / 2);
    let store = full_of([short, anonymous()]).await?;
    // A scan that finds nothing, so that the next one is not due yet.
    store.create(&key(2), &of_user(), NOW).await?;
    assert_eq!(left(&store, NOW).await?, [true, false, true]);
    let later = NOW + SECOND / 2;
    assert_eq!(store.create(&key(0), &of_user(), later).await?, Created::Created);
    assert_eq!(store.count(later).await?, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn creates_at_the_same_time_never_exceed_the_limit() -> Result<()> {
    const LIMIT: usize = 50;
    let store = Arc::new(MemoryStore::with_limit(LIMIT));
    for round in 0..25_u8 {
        let tasks: Vec<_> = (0..8_u8)
            .map(|task| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for number in 0..20_u8 {
                        let mut bytes = [number; 32];
                        (bytes[30], bytes[31]) = (round, task);
                        let user = format!("{round} {task} {number}");
                        let new = if number % 8 == 7 { of(&user) } else { anonymous() };
                        match store.create(&StoreKey::from_bytes(bytes), &new, NOW).await {
                            Ok(created) => assert_eq!(created, Created::Created),
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Full),
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(store.count(NOW).await?, LIMIT as u64, "a store that is full is exactly full");
    }
    let left = store.list(None, LIMIT, NOW).await?;
    assert!(left.iter().all(|found| found.record.user.is_some()), "users took the place of those who have none");
    for found in left {
        store.delete(&found.key, NOW).await?;
    }
    for number in 0..LIMIT as u8 {
        let new = of(&number.to_string());
        assert_eq!(store.create(&key(number), &new, NOW).await?, Created::Created, "no place was lost");
    }
    assert!(store.create(&key(255), &of_user(), NOW).await.is_err(), "no place was made up");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_search_sees_one_instant_even_if_the_marker_is_gone_at_once() -> Result<()> {
    let (store, over) = (Arc::new(MemoryStore::new()), Arc::new(AtomicBool::new(false)));
    store.create(&key(0), &of_user(), NOW).await?;
    let (renewer, stop) = (Arc::clone(&store), Arc::clone(&over));
    let renewals = tokio::spawn(async move {
        for number in 0..20_000_u32 {
            let (old, new) = (key(number as u8), key((number + 1) as u8));
            renewer.create(&new, &of_user(), NOW).await.expect("memory has room");
            renewer.delete(&old, NOW).await.expect("memory deletes");
        }
        stop.store(true, Ordering::Release);
    });
    while !over.load(Ordering::Acquire) {
        assert!(!store.find_by_user("ana", NOW).await?.is_empty());
    }
    renewals.await.expect("no panic");
    Ok(())
}

#[tokio::test]
async fn a_session_that_was_used_or_logged_in_since_is_not_given_up() -> Result<()> {
    const SESSIONS: usize = 192;
    let store = full_of::<SESSIONS>(std::array::from_fn(|_| anonymous())).await?;
    let later = NOW + SECOND * SESSIONS as u32;
    // It looks for the next three to give up, and gives up the first.
    assert_eq!(store.create(&key(200), &anonymous(), later).await?, Created::Created);
    // The second logs in, and the third is used.
    let found = store.load(&key(1), later).await?.expect("is there");
    assert_eq!(store.swap(&key(1), found.revision, &of_user(), later).await?, Swap::Swapped);
    assert!(store.load(&key(2), later).await?.is_some());
    assert_eq!(store.create(&key(201), &anonymous(), later).await?, Created::Created);
    assert_eq!(left(&store, later).await?, [false, true, true, false, true]);
    Ok(())
}

const KIB: usize = 1024;

#[tokio::test]
async fn a_store_is_bounded_in_bytes() -> Result<()> {
    let store = MemoryStore::with_limit(1_000).size_limit(1024 * KIB);
    for number in 0..30 {
        let created = store.create(&key(number), &large(None, 100 * KIB), NOW + SECOND * number.into()).await?;
        assert_eq!(created, Created::Created);
    }
    let later = NOW + SECOND * 30;
    assert_eq!(store.count(later).await?, 10, "ten of a hundred kibibytes fit");
    assert!(store.load(&key(20), later).await?.is_some(), "the least recently used are given up");
    // What can never fit costs nobody anything.
    let refused = store.create(&key(40), &large(None, 1024 * KIB), later).await;
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Full));
    assert_eq!(store.count(later).await?, 10);
    // Others of users take their place, and are never given up.
    for number in 50..60 {
        store.create(&key(number), &large(Some(&number.to_string()), 100 * KIB), later).await?;
    }
    for user in [None, Some("ana")] {
        let refused = store.create(&key(60), &large(user, 100 * KIB), later).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Full));
    }
    assert_eq!(store.create(&key(61), &large(None, KIB), later).await?, Created::Created, "a small one still fits");
    Ok(())
}

#[tokio::test]
async fn a_session_that_grows_needs_room_and_gives_it_back() -> Result<()> {
    let store = MemoryStore::with_limit(100).size_limit(1024 * KIB);
    let (small, other, grown) = (large(Some("ana"), KIB), large(None, 500 * KIB), large(Some("ana"), 600 * KIB));
    store.create(&key(0), &small, NOW).await?;
    store.create(&key(1), &other, NOW).await?;
    assert_eq!(store.swap(&key(0), small.revision, &grown, NOW).await?, Swap::Swapped);
    assert_eq!(left(&store, NOW).await?, [true, false], "one of nobody made room for it");
    store.create(&key(2), &large(Some("ben"), 300 * KIB), NOW).await?;
    let larger = large(Some("ana"), 800 * KIB);
    let refused = store.swap(&key(0), grown.revision, &larger, NOW).await;
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Full));
    assert_eq!(store.load(&key(0), NOW).await?, Some(grown.clone()), "Full leaves everything as it was");
    assert_eq!(store.swap(&key(0), grown.revision, &small, NOW).await?, Swap::Swapped);
    assert_eq!(store.create(&key(3), &large(Some("carl"), 600 * KIB), NOW).await?, Created::Created, "there is room");
    for number in [0, 2, 3] {
        assert!(store.delete(&key(number), NOW).await?.is_some());
    }
    assert_eq!(store.create(&key(4), &large(Some("dora"), 1023 * KIB), NOW).await?, Created::Created, "all is back");
    Ok(())
}

/// As many small ones go as it takes, and not only those that one look at the store finds.
#[tokio::test]
async fn a_large_session_takes_the_place_of_many_small_ones() -> Result<()> {
    let store = MemoryStore::with_limit(2_000).size_limit(1024 * KIB);
    for number in 0..1_000 {
        let created = store.create(&spread(number), &large(None, KIB), NOW + SECOND * number).await?;
        assert_eq!(created, Created::Created);
    }
    let (later, small) = (NOW + SECOND * 1_000, store.count(NOW + SECOND * 1_000).await?);
    let record = large(None, 100 * KIB);
    assert_eq!(store.create(&key(200), &record, later).await?, Created::Created);
    let gone = small + 1 - store.count(later).await?;
    assert!((70..120).contains(&gone), "{gone} of {small} made room");
    let larger = large(None, 900 * KIB);
    assert_eq!(store.swap(&key(200), record.revision, &larger, later).await?, Swap::Swapped, "it grows as well");
    Ok(())
}

/// The session that wants room may be the one that was used least recently.
#[tokio::test]
async fn a_session_that_grows_passes_over_itself() -> Result<()> {
    let store = MemoryStore::with_limit(100).size_limit(1024 * KIB);
    let oldest = large(None, 100 * KIB);
    store.create(&key(0), &oldest, NOW).await?;
    for number in 1..9 {
        store.create(&key(number), &large(None, 100 * KIB), NOW + SECOND * number.into()).await?;
    }
    let later = NOW + SECOND * 10;
    assert_eq!(store.swap(&key(0), oldest.revision, &large(None, 400 * KIB), later).await?, Swap::Swapped);
    assert_eq!(left(&store, later).await?, [true, false, false, true]);
    Ok(())
}

/// While a session is being renewed it is in two places, and the first must not go for the second.
#[tokio::test]
async fn a_session_is_not_given_up_for_its_own_renewal() -> Result<()> {
    for (user, bytes, others) in [(Some("ana"), 200 * KIB, 400 * KIB), (None, 300 * KIB, 500 * KIB)] {
        let store = MemoryStore::with_limit(100).size_limit(1024 * KIB);
        let (session, other) = (large(user, bytes), large(user, others));
        store.create(&key(0), &session, NOW).await?;
        store.create(&key(1), &other, NOW + SECOND).await?;
        let later = NOW + SECOND * 10;
        let mut pending = record(user, RecordKind::Pending, HOUR);
        (pending.handle, pending.data) = (session.handle, session.data.clone());
        assert_eq!(store.create(&key(2), &pending, later).await?, Created::Created, "{user:?}");
        assert_eq!(left(&store, later).await?, [true, false, true], "{user:?}: another one went");
        // Where there is no other, none goes, and the renewal fails if there is no room.
        let store = MemoryStore::with_limit(100).size_limit(1024 * KIB);
        let session = large(user, 600 * KIB);
        store.create(&key(0), &session, NOW).await?;
        (pending.handle, pending.data) = (session.handle, session.data.clone());
        let refused = store.create(&key(2), &pending, later).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Full));
        assert_eq!(left(&store, later).await?, [true, false, false], "{user:?}");
    }
    Ok(())
}

/// A user who logs in again and again gives up own sessions, and keeps nobody out.
#[tokio::test]
async fn a_user_who_fills_the_store_with_logins_keeps_nobody_else_out() -> Result<()> {
    const LIMIT: u32 = 400;
    for bytes in [0, 4 * KIB] {
        let store = MemoryStore::with_limit(LIMIT as usize).size_limit(1024 * KIB);
        store.create(&key(255), &of("ben"), NOW).await?;
        for number in 0..LIMIT * 2 {
            let now = NOW + SECOND * number;
            assert_eq!(store.create(&spread(number), &large(Some("ana"), bytes), now).await?, Created::Created);
        }
        let later = NOW + SECOND * LIMIT * 2;
        let of_ana = store.find_by_user("ana", later).await?.len();
        assert!((100..=200).contains(&of_ana), "the store is half full with {of_ana}");
        assert!(store.load(&spread(LIMIT * 2 - 1), later).await?.is_some(), "the newest is kept");
        for number in 0..100 {
            let created = store.create(&key(number), &of(&format!("user {number}")), later).await?;
            assert_eq!(created, Created::Created, "others log in");
        }
        for number in LIMIT * 2..LIMIT * 3 {
            store.create(&spread(number), &large(Some("ana"), bytes), later).await?;
        }
        for number in (0..100).chain([255]) {
            assert!(store.load(&key(number), later).await?.is_some(), "nobody else is given up");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_user_with_a_few_sessions_keeps_them_in_a_small_store() -> Result<()> {
    let store = MemoryStore::with_limit(20);
    for number in 0..17 {
        store.create(&key(number), &of_user(), NOW + SECOND * number.into()).await?;
    }
    assert_eq!(store.find_by_user("ana", NOW).await?.len(), 17);
    store.create(&key(17), &of_user(), NOW + SECOND * 17).await?;
    assert_eq!(left(&store, NOW + SECOND * 17).await?, [false, true], "the eighteenth takes the place of the first");
    Ok(())
}

/// As many as it takes some looks to go through.
const SESSIONS: u32 = 40_000;

/// The most that one look goes through: 4,096, and what the last shard has more.
const A_LOOK: usize = 5_000;

#[tokio::test]
async fn a_large_store_gives_up_sessions_that_are_among_the_least_recently_used() -> Result<()> {
    let store = MemoryStore::with_limit(SESSIONS as usize);
    for number in 0..SESSIONS {
        store.create(&spread(number), &anonymous(), NOW + Duration::from_millis(number.into())).await?;
    }
    for number in SESSIONS..SESSIONS + 400 {
        // Now and then it looks again for what has expired.
        let now = NOW + SECOND * (100 + number / 100);
        assert_eq!(store.create(&spread(number), &anonymous(), now).await?, Created::Created);
    }
    let gone = |numbers: std::ops::Range<u32>| numbers.filter(|number| is_gone(&store, *number)).count();
    assert_eq!(gone(0..SESSIONS + 400), 400);
    assert!(gone(0..SESSIONS / 16) > 390, "{} were among the oldest", gone(0..SESSIONS / 16));
    Ok(())
}

#[tokio::test]
async fn a_large_store_that_is_full_is_gone_through_in_parts() -> Result<()> {
    let removed = Arc::new(AtomicUsize::new(0));
    let store = MemoryStore::with_limit(SESSIONS as usize);
    let counter = Arc::clone(&removed);
    store.on_removal(Arc::new(move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    for number in 0..SESSIONS {
        store.create(&spread(number), &of(&number.to_string()), NOW).await?;
    }
    // All have a user: a look for what has expired goes through all of them, and others go on in between.
    let (key, record) = (spread(SESSIONS), anonymous());
    let (mut refused, mut polls) = (store.create(&key, &record, NOW), 0);
    let refused = poll_fn(|cx| {
        polls += 1;
        refused.as_mut().poll(cx)
    });
    assert_eq!(refused.await.map_err(|error| error.kind()), Err(ErrorKind::Full));
    assert!(polls > SESSIONS as usize / A_LOOK, "{polls}");
    // All have expired: one look makes more than enough room.
    assert_eq!(store.create(&spread(SESSIONS), &of("ana"), NOW + HOUR).await?, Created::Created);
    assert!((1..A_LOOK).contains(&removed.load(Ordering::Relaxed)), "{removed:?}");
    Ok(())
}

#[tokio::test]
async fn a_large_store_is_counted_and_listed_in_parts() -> Result<()> {
    let store = MemoryStore::with_limit(SESSIONS as usize);
    for number in 0..SESSIONS {
        store.create(&spread(number), &anonymous(), NOW).await?;
    }
    let mut polls = [0, 0];
    let mut counting = store.count(NOW);
    let count = poll_fn(|cx| {
        polls[0] += 1;
        counting.as_mut().poll(cx)
    });
    assert_eq!(count.await?, u64::from(SESSIONS));
    let mut listing = store.list(None, SESSIONS as usize, NOW);
    let list = poll_fn(|cx| {
        polls[1] += 1;
        listing.as_mut().poll(cx)
    });
    assert_eq!(list.await?.len(), SESSIONS as usize);
    assert!(polls.iter().all(|polls| *polls > SESSIONS as usize / A_LOOK), "{polls:?}");
    Ok(())
}

fn is_gone(store: &MemoryStore, number: u32) -> bool {
    matches!(store.try_load(&spread(number), NOW), Some(Ok(None)))
}
