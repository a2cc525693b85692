//! The fake clock and the store that fails on demand keep their own promises.

use std::time::Duration;

use cloakroom::testing::{FakeClock, FaultStore, Verb};
use cloakroom::{Clock, ErrorKind, MemoryStore, Record, Session, SessionManager, SessionStore, StoreKey, Timestamp};

type Faulty = FaultStore<MemoryStore>;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A store with one record in it, as the engine makes them.
async fn store() -> cloakroom::Result<(Faulty, StoreKey, Record)> {
    let store = FaultStore::new(MemoryStore::new());
    let session: Session =
        SessionManager::builder(store.clone()).clock(FakeClock::new()).build().expect("valid").open(());
    session.load().await?;
    session.set("key", 1)?;
    session.save().await?;
    let index = store.index().expect("memory has an index");
    let found = index.list(None, 1, NOW).await?.pop().expect("the session was saved");
    Ok((store, found.key, found.record))
}

#[tokio::test]
async fn clones_of_a_clock_are_one_clock() {
    let clock = FakeClock::new();
    let start = clock.now();
    clock.clone().advance(Duration::from_millis(1500));
    assert_eq!(clock.now().since(start), Duration::from_millis(1500));
    clock.set(start);
    assert_eq!(clock.clone().now(), start);
}

#[tokio::test]
async fn calls_are_counted_by_verb() -> cloakroom::Result<()> {
    let (store, key, record) = store().await?;
    assert_eq!((store.calls(Verb::Create), store.total_calls()), (1, 1));
    store.load(&key, NOW).await?;
    store.try_load(&key, NOW).expect("memory answers at once")?;
    store.touch(&key, record.revision, NOW, NOW).await?;
    store.swap(&key, record.revision, &record, NOW).await?;
    store.delete(&key, NOW).await?;
    let calls = [Verb::Load, Verb::Create, Verb::Swap, Verb::Touch, Verb::Delete].map(|verb| store.calls(verb));
    assert_eq!(calls, [2, 1, 1, 1, 1]);
    assert_eq!(store.total_calls(), 6);
    Ok(())
}

// behaviour 35
#[tokio::test]
async fn a_failure_is_an_error_and_never_an_absent_record() -> cloakroom::Result<()> {
    let (store, key, record) = store().await?;
    store.on(Verb::Load).nth(2).fail_before();
    assert_eq!(store.try_load(&key, NOW).map(|answer| answer.is_ok()), None, "only `load` can fail on demand");
    assert_eq!(store.load(&key, NOW).await?, Some(record.clone()));
    assert_eq!(store.load(&key, NOW).await.map_err(|e| e.kind()), Err(ErrorKind::Unavailable));
    assert_eq!(store.load(&key, NOW).await?, Some(record));
    assert!(store.try_load(&key, NOW).is_some(), "the fault is over");
    Ok(())
}

#[tokio::test]
async fn a_call_fails_before_or_after_its_effect() -> cloakroom::Result<()> {
    let (store, key, record) = store().await?;
    store.on(Verb::Delete).fail_before();
    store.on(Verb::Delete).nth(2).fail_after();
    assert!(store.delete(&key, NOW).await.is_err());
    assert_eq!(store.store().load(&key, NOW).await?, Some(record), "failed before it took effect");
    assert!(store.delete(&key, NOW).await.is_err());
    assert_eq!(store.store().load(&key, NOW).await?, None, "failed after it took effect");
    assert_eq!(store.delete(&key, NOW).await?, None);
    Ok(())
}

#[tokio::test]
async fn always_lasts_until_faults_are_forgotten() -> cloakroom::Result<()> {
    let (store, key, _) = store().await?;
    store.on_any().always().fail_before();
    for _ in 0..3 {
        assert!(store.load(&key, NOW).await.is_err());
        assert!(store.delete(&key, NOW).await.is_err());
    }
    store.forget_faults();
    assert!(store.load(&key, NOW).await?.is_some());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_is_delayed_or_hangs() -> cloakroom::Result<()> {
    let (store, key, _) = store().await?;
    store.on(Verb::Load).delay(Duration::from_secs(3));
    let start = tokio::time::Instant::now();
    assert!(store.load(&key, NOW).await?.is_some());
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    store.on_any().hang();
    assert!(tokio::time::timeout(Duration::from_secs(3600), store.delete(&key, NOW)).await.is_err());
    assert!(store.load(&key, NOW).await?.is_some(), "a call that hangs does nothing");
    Ok(())
}

#[tokio::test]
async fn a_call_stops_where_it_was_told_to() -> cloakroom::Result<()> {
    let (store, key, record) = store().await?;
    for effect_first in [false, true] {
        let when = store.on(Verb::Delete);
        let paused = if effect_first { when.pause_after() } else { when.pause_before() };
        let task = tokio::spawn({
            let store = store.clone();
            async move { store.delete(&key, NOW).await }
        });
        paused.reached().await;
        assert_eq!(store.load(&key, NOW).await?.is_none(), effect_first);
        assert!(!task.is_finished());
        paused.resume();
        assert_eq!(task.await.expect("no panic")?, Some(record.clone()));
        store.create(&key, &record, NOW).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_pause_that_is_dropped_holds_nobody_up() -> cloakroom::Result<()> {
    let (store, key, _) = store().await?;
    drop(store.on(Verb::Load).pause_before());
    assert!(store.load(&key, NOW).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_away_answers_nothing_and_loses_nothing() -> cloakroom::Result<()> {
    let (store, key, record) = store().await?;
    let paused = store.on(Verb::Load).pause_after();
    let under_way = tokio::spawn({
        let store = store.clone();
        async move { store.load(&key, NOW).await }
    });
    paused.reached().await;
    store.go_away();
    paused.resume();
    assert!(under_way.await.expect("no panic").is_err(), "what is under way fails too");
    assert!(store.try_load(&key, NOW).is_none());
    assert!(store.load(&key, NOW).await.is_err());
    assert!(store.index().expect("memory has an index").count(NOW).await.is_err());
    store.come_back();
    assert_eq!(store.load(&key, NOW).await?, Some(record));
    Ok(())
}
