//! What is kept, and for whom.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use cloakroom::{ErrorKind, FileStore, SessionManager};

use crate::workshop::{begin, folder, opened, sessions, value};

#[tokio::test]
async fn sessions_survive_a_restart() {
    let (_folder, path) = folder();
    let cookie = begin(&sessions(&path).await, "email", "ana@example.org").await.expect("is kept");
    let found = value(&sessions(&path).await, &cookie, "email").await;
    assert_eq!(found.ok().flatten().as_deref(), Some("ana@example.org"));
}

/// Two stores on one file are like two processes: they share nothing but the file.
// behaviours 40 and 41
#[tokio::test]
async fn what_one_ends_is_over_for_the_other_at_once() {
    let (_folder, path) = folder();
    let (here, there) = (sessions(&path).await, sessions(&path).await);
    let cookie = begin(&here, "email", "ana@example.org").await.expect("is kept");
    let under_way = opened(&there, &cookie).await.expect("it opens");
    let session = opened(&here, &cookie).await.expect("it opens");
    session.logout().expect("is ended");
    assert!(session.commit(200).await.error.is_none());

    assert_eq!(value(&there, &cookie, "email").await.ok(), Some(None));
    under_way.set("email", "eve@example.org").expect("is set");
    assert_eq!(under_way.save().await.map_err(|error| error.kind()), Err(ErrorKind::Ended));
    assert_eq!(value(&here, &cookie, "email").await.ok(), Some(None));
}

// behaviour 49
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn updates_of_several_stores_on_one_file_all_count() {
    let (_folder, path) = folder();
    let first = sessions(&path).await;
    let cookie = begin(&first, "email", "ana@example.org").await.expect("is kept");
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let (sessions, cookie) = (sessions(&path).await, cookie.clone());
        tasks.push(tokio::spawn(async move {
            for _ in 0..50 {
                let session = opened(&sessions, &cookie).await.expect("it opens");
                session.update_now("n", |n: Option<u32>| n.unwrap_or(0) + 1).await.expect("is counted");
            }
        }));
    }
    for task in tasks {
        task.await.expect("it ends");
    }
    let session = opened(&first, &cookie).await.expect("it opens");
    assert_eq!(session.get::<u32>("n").ok(), Some(Some(200)));
}

/// Whoever is gone is not waited for, and what was asked for is done.
#[tokio::test]
async fn what_was_asked_for_is_written_before_the_store_is_gone() {
    let (_folder, path) = folder();
    let first = sessions(&path).await;
    let cookie = begin(&first, "n", "0").await.expect("is kept");
    let session = opened(&first, &cookie).await.expect("it opens");
    session.set("n", "1").expect("is set");
    {
        let mut save = Box::pin(session.save());
        // Begun, and never asked about again.
        let begun = poll_fn(|context| Poll::Ready(save.as_mut().poll(context).is_pending()));
        assert!(begun.await);
    }
    drop((session, first));
    let again = sessions(&path).await;
    let patience = std::time::Instant::now() + Duration::from_secs(5);
    while value(&again, &cookie, "n").await.ok().flatten().as_deref() != Some("1") {
        assert!(std::time::Instant::now() < patience, "it was not written");
        tokio::task::yield_now().await;
    }
}

/// A process that keeps the file to itself for a moment is waited for, and for long is an error that says so in words
/// that are no database's.
#[tokio::test]
async fn another_process_that_writes_is_waited_for() {
    let (_folder, path) = folder();
    let here = sessions(&path).await;
    let other = rusqlite::Connection::open(&path).expect("it opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let waiting = tokio::spawn(async move { begin(&here, "email", "ana@example.org").await });
    std::thread::sleep(Duration::from_millis(200));
    other.execute_batch("COMMIT").expect("it ends");
    assert!(waiting.await.expect("it ends").is_ok());

    let quick = FileStore::open(&path).await.expect("the store opens");
    let quick = SessionManager::builder(quick).store_timeout(Duration::from_millis(100)).build().expect("is valid");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let error = begin(&quick, "email", "ben@example.org").await.expect_err("it waits in vain");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.to_string().contains("locked"), "{error}");
    other.execute_batch("COMMIT").expect("it ends");
    assert!(begin(&quick, "email", "ben@example.org").await.is_ok());
}

/// A reader of another program that stands still does not keep anybody from writing or reading.
#[tokio::test]
async fn a_reader_that_stands_still_is_in_nobodys_way() {
    let (_folder, path) = folder();
    let here = sessions(&path).await;
    let cookie = begin(&here, "n", "0").await.expect("is kept");
    let reader = rusqlite::Connection::open(&path).expect("it opens");
    reader.execute_batch("BEGIN; SELECT count(*) FROM sessions;").expect("it reads");
    for n in 1..=20 {
        let session = opened(&here, &cookie).await.expect("it opens");
        session.set("n", n.to_string()).expect("is set");
        session.save().await.expect("is saved");
    }
    assert_eq!(value(&here, &cookie, "n").await.ok().flatten().as_deref(), Some("20"));
}
