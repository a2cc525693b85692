//! Whoever waits for the end of a session learns of it from the server.

use std::pin::pin;
use std::time::{Duration, Instant};

use cloakroom::{RedisStore, Session, SessionManager};
use servers::{Proxy, Redis};
use tokio::time::timeout;

use crate::bench::{CLUSTER, Result, SENTINELS, SERVER, prefix};

const SECOND: Duration = Duration::from_secs(1);

/// A process of an application with this prefix.
fn process(url: &str, prefix: &str) -> SessionManager {
    let store = RedisStore::builder(url).prefix(prefix).connect_later().expect("a URL");
    SessionManager::builder(store).build().expect("valid")
}

/// A user's session, and the same as another process knows it.
async fn session(here: &SessionManager, there: &SessionManager) -> Result<(Session, Session)> {
    let session = here.open(());
    session.load().await?;
    session.login("ana")?;
    let committed = session.commit(200).await;
    let header = committed.edits.set_cookies().next().expect("a cookie").to_owned();
    let other = there.open(header.split(';').next().expect("a pair").to_owned());
    other.load().await?;
    Ok((session, other))
}

// behaviours 135 and 139
#[tokio::test]
async fn an_end_in_another_process_is_known_within_a_second() -> Result {
    for url in [SERVER.url(), SENTINELS.url(), CLUSTER.url()] {
        let prefix = prefix();
        let (here, there) = (process(&url, &prefix), process(&url, &prefix));
        let (session, socket) = session(&here, &there).await?;
        let mut ended = pin!(socket.ended());
        assert!(timeout(SECOND * 2, ended.as_mut()).await.is_err(), "it lives: {url}");
        let start = Instant::now();
        assert!(here.revoke(session.handle()?.expect("a session")).await?);
        ended.await;
        assert!(start.elapsed() < SECOND, "{:?}: {url}", start.elapsed());
    }
    Ok(())
}

/// A network that loses every packet tells nobody: who listens finds out that nothing comes any more, and asks.
#[tokio::test]
async fn an_end_is_known_within_a_second_although_the_connection_that_listens_died_without_a_word() -> Result {
    let server = Redis::start();
    let proxy = Proxy::start(server.port());
    let prefix = prefix();
    let (here, there) = (process(&server.url(), &prefix), process(&proxy.redis_url(), &prefix));
    let (session, socket) = session(&here, &there).await?;
    let mut ended = pin!(socket.ended());
    assert!(timeout(SECOND * 2, ended.as_mut()).await.is_err(), "it lives");
    proxy.stall_newest();
    let start = Instant::now();
    assert!(here.revoke(session.handle()?.expect("a session")).await?);
    ended.await;
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    Ok(())
}

/// How often the server was asked for a session.
fn questions(server: &Redis) -> u64 {
    let stats = server.ask(&["INFO", "commandstats"]);
    let calls = |line: &str| line.split_once("calls=")?.1.split(',').next()?.parse::<u64>().ok();
    let asked =
        stats.lines().filter(|line| ["cmdstat_get:", "cmdstat_hkeys:"].iter().any(|name| line.starts_with(name)));
    asked.filter_map(calls).sum()
}

/// One who listens asks no more than every half minute; after the server was away, it listens and asks again.
// behaviours 120 and 139
#[tokio::test]
async fn who_listens_asks_seldom_and_an_outage_ends_nothing() -> Result {
    let server = Redis::start();
    let proxy = Proxy::start(server.port());
    let prefix = prefix();
    let (here, there) = (process(&server.url(), &prefix), process(&proxy.redis_url(), &prefix));
    let (session, socket) = session(&here, &there).await?;
    let mut ended = pin!(socket.ended());
    assert!(timeout(SECOND * 2, ended.as_mut()).await.is_err());
    let before = (questions(&server), proxy.round_trips());
    assert!(timeout(SECOND * 4, ended.as_mut()).await.is_err());
    assert_eq!(questions(&server), before.0, "nothing is asked as long as nothing is heard");
    let pings = proxy.round_trips() - before.1;
    assert!((1..=17).contains(&pings), "the connection is tried four times a second at most: {pings}");
    proxy.refuse(true);
    proxy.cut();
    assert!(timeout(SECOND * 2, ended.as_mut()).await.is_err(), "an outage is no end");
    session.logout()?;
    assert!(session.commit(200).await.error.is_none());
    assert!(timeout(SECOND, ended.as_mut()).await.is_err(), "nobody has told it");
    proxy.refuse(false);
    timeout(SECOND * 3, ended).await.expect("it is asked for when the server is back");
    Ok(())
}
