//! Connections that break and servers that go away: nothing waits without end, and the first call after it works.

use std::time::{Duration, Instant};

use cloakroom::testing::FakeClock;
use cloakroom::{Created, ErrorKind, RedisStore, SessionManager, SessionStore, Swap, Timestamp};
use servers::{Proxy, Redis};
use tokio::time::sleep;

use crate::bench::{HOUR, Result, index, kind, later, live, load, new_key, put, rewrite, rewritten, within};

/// Two waits for a connection and one for an answer, and what a busy machine adds.
const BOUND: Duration = Duration::from_millis(4_500);

/// A connection that broke while nobody used it is no error for whoever uses the store next.
// behaviour 102
#[tokio::test]
async fn an_idle_connection_that_was_cut_reaches_nobody() -> Result {
    let server = Redis::start();
    let proxy = Proxy::start(server.port());
    let store = later(&proxy.redis_url());
    let mut record = live(Some("ana"));
    let key = put(&store, &record).await?;
    // What comes next is each verb once, as the first after a cut. None of them is tried again by anybody but the store.
    for round in 0..3 {
        proxy.cut();
        sleep(Duration::from_millis(50)).await;
        assert!(load(&store, &key).await?.is_some(), "{round}");
        proxy.cut();
        sleep(Duration::from_millis(50)).await;
        rewrite(&store, &key, &mut record).await?;
        proxy.cut();
        sleep(Duration::from_millis(50)).await;
        put(&store, &live(None)).await?;
        proxy.cut();
        sleep(Duration::from_millis(50)).await;
        assert_eq!(index(&store).find_by_user("ana", Timestamp::now()).await?.len(), 1);
    }
    proxy.cut();
    sleep(Duration::from_millis(50)).await;
    assert!(store.delete(&key, Timestamp::now()).await?.is_some());
    Ok(())
}

/// A server that was restarted is an idle connection that was cut.
#[tokio::test]
async fn a_restart_between_two_calls_reaches_nobody() -> Result {
    let mut server = servers::RedisOptions::default().durable().start();
    let store = later(&server.url());
    let mut record = live(None);
    let key = put(&store, &record).await?;
    for _ in 0..3 {
        server.restart();
        sleep(Duration::from_millis(50)).await;
        // With the connection went the scripts that the server knew.
        rewrite(&store, &key, &mut record).await?;
    }
    assert_eq!(load(&store, &key).await?, Some(record));
    Ok(())
}

/// While the server is away every call fails soon, and no call after it came back fails.
// behaviour 101
#[tokio::test]
async fn the_first_call_after_an_outage_works() -> Result {
    let mut server = servers::RedisOptions::default().durable().start();
    let store = later(&server.url());
    let key = put(&store, &live(None)).await?;
    server.kill();
    for _ in 0..20 {
        let start = Instant::now();
        assert_eq!(kind(within(BOUND, start, load(&store, &key).await)), ErrorKind::Unavailable);
    }
    server.restart();
    assert!(load(&store, &key).await?.is_some());
    Ok(())
}

/// Many who wait for a server that is away wait for one attempt, not each for its own.
#[tokio::test]
async fn many_wait_no_longer_than_one() {
    let server = Redis::start();
    let proxy = Proxy::start(server.port());
    proxy.stall(true);
    let store = std::sync::Arc::new(later(&proxy.redis_url()));
    let start = Instant::now();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { kind(load(&store, &new_key()).await) })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), ErrorKind::Unavailable);
    }
    within(BOUND, start, ());
    // Hardly more attempts than waits of a second.
    assert!(proxy.round_trips() < 8, "{} attempts", proxy.round_trips());
}

/// Nothing runs while nobody asks: no connection is tried.
#[tokio::test]
async fn nobody_is_busy_while_the_server_is_away() -> Result {
    let server = Redis::start();
    let proxy = Proxy::start(server.port());
    let store = later(&proxy.redis_url());
    let key = put(&store, &live(None)).await?;
    proxy.refuse(true);
    assert_eq!(kind(load(&store, &key).await), ErrorKind::Unavailable);
    let connections = proxy.connections();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(proxy.connections(), connections, "somebody connects unasked");
    proxy.refuse(false);
    assert!(load(&store, &key).await?.is_some());
    Ok(())
}

/// A server that is stopped answers nobody, and the connection to it is given up.
#[tokio::test]
async fn a_silent_server_is_waited_for_no_longer_than_said() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let key = put(&store, &live(None)).await?;
    server.pause();
    for _ in 0..2 {
        let start = Instant::now();
        assert_eq!(kind(within(BOUND, start, load(&store, &key).await)), ErrorKind::Unavailable);
    }
    server.resume();
    assert!(load(&store, &key).await?.is_some());
    Ok(())
}

/// A host that vanished without a word: the call is tried on another connection.
#[tokio::test]
async fn a_connection_that_went_silent_is_replaced() -> Result {
    let server = Redis::start();
    let proxy = Proxy::start(server.port());
    let sessions = SessionManager::builder(later(&proxy.redis_url())).without_sweeper().build().expect("valid");
    let session = sessions.open(());
    session.load().await?;
    session.set("a", 1)?;
    let committed = session.commit(200).await;
    let cookie = committed.edits.set_cookies().next().expect("a cookie").split(';').next().expect("a pair").to_owned();
    proxy.stall_present();
    let start = Instant::now();
    let session = sessions.open(cookie);
    within(BOUND, start, session.load().await)?;
    assert_eq!(session.get::<u32>("a")?, Some(1));
    Ok(())
}

/// The answer to a write is lost: the engine finds its own write, and makes it neither twice nor not at all.
// behaviours 49 and 103
#[tokio::test]
async fn a_write_whose_answer_is_lost_is_made_once() -> Result {
    let server = Redis::start();
    let proxy = Proxy::start(server.port());
    let sessions = SessionManager::builder(later(&proxy.redis_url())).without_sweeper().build().expect("valid");
    let mut cookie = String::new();
    for n in 1..=20_u32 {
        let session = if cookie.is_empty() { sessions.open(()) } else { sessions.open(cookie.clone()) };
        session.load().await?;
        session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1)?;
        if n % 2 == 0 {
            proxy.cut_next_answer()
        } else {
            proxy.cut_next_request()
        }
        let committed = session.commit(200).await;
        assert!(committed.error.is_none(), "{n}: {:?}", committed.error);
        if let Some(header) = committed.edits.set_cookies().next() {
            header.split(';').next().expect("a pair").clone_into(&mut cookie);
        }
        let session = sessions.open(cookie.clone());
        session.load().await?;
        assert_eq!(session.get::<u32>("n")?, Some(n));
    }
    Ok(())
}

/// The answer to a logout is lost: the session has ended all the same, wherever a renewal had moved it.
// behaviour 40
#[tokio::test]
async fn a_logout_whose_answer_is_lost_ends_the_session() -> Result {
    let server = Redis::start();
    let proxy = Proxy::start(server.port());
    let store = std::sync::Arc::new(later(&proxy.redis_url()));
    let clock = FakeClock::new();
    let lifetime = cloakroom::Lifetime::default().renew_every(HOUR);
    let sessions = SessionManager::builder(store.clone()).clock(clock.clone()).lifetime(lifetime).without_sweeper();
    let sessions = sessions.build().expect("valid");
    let session = sessions.open(());
    session.load().await?;
    session.login("ana")?;
    let committed = session.commit(200).await;
    let old = committed.edits.set_cookies().next().expect("a cookie").split(';').next().expect("a pair").to_owned();
    // A renewal, whose marker is what the logout below meets.
    clock.advance(HOUR * 2);
    let session = sessions.open(old.clone());
    session.load().await?;
    session.user()?;
    let renewed = session.commit(200).await;
    assert!(renewed.edits.set_cookies().next().is_some(), "it was renewed");
    let session = sessions.open(old);
    session.load().await?;
    session.logout()?;
    proxy.cut_next_answer();
    let committed = session.commit(200).await;
    assert!(committed.error.is_none(), "{:?}", committed.error);
    assert_eq!(sessions.sessions_of("ana").await?, []);
    assert_eq!(sessions.count().await?, 0);
    Ok(())
}

/// Whoever drops a call leaves the record as it was or as it should become, and the connection as it is.
#[tokio::test]
async fn a_call_that_is_dropped_harms_nobody() -> Result {
    let store = later(&crate::bench::SERVER.url());
    let record = live(None);
    let key = put(&store, &record).await?;
    let new = rewritten(&record);
    for micros in [0, 50, 100, 200, 400] {
        let swap = store.swap(&key, record.revision, &new, Timestamp::now());
        let _ = tokio::time::timeout(Duration::from_micros(micros), swap).await;
    }
    let answer = store.swap(&key, record.revision, &new, Timestamp::now()).await?;
    assert!(
        matches!(&answer, Swap::Swapped)
            || matches!(&answer, Swap::Conflict(current) if current.revision == new.revision)
    );
    assert_eq!(load(&store, &key).await?.map(|record| record.revision), Some(new.revision));
    Ok(())
}

/// A server that forgot its scripts is told them again.
#[tokio::test]
async fn scripts_that_were_forgotten_are_sent_again() -> Result {
    let server = Redis::start();
    let store = later(&server.url());
    let mut record = live(None);
    let key = put(&store, &record).await?;
    for _ in 0..2 {
        server.ask(&["SCRIPT", "FLUSH"]);
        rewrite(&store, &key, &mut record).await?;
    }
    server.ask(&["SCRIPT", "FLUSH"]);
    assert_eq!(store.create(&key, &record, Timestamp::now()).await?, Created::AlreadyExists);
    Ok(())
}

/// `connect` wants a server, `connect_later` does not.
#[tokio::test]
async fn an_application_starts_while_its_server_is_away() -> Result {
    let port = servers::free_port();
    let url = format!("redis://127.0.0.1:{port}");
    let start = Instant::now();
    let error = within(BOUND, start, RedisStore::connect(&url).await).expect_err("nobody listens");
    assert_eq!(error.setting(), "redis.url");
    let store = later(&url);
    assert_eq!(kind(load(&store, &new_key()).await), ErrorKind::Unavailable);
    let _server = servers::RedisOptions::default().start_at(port);
    assert_eq!(load(&store, &new_key()).await?, None);
    Ok(())
}
