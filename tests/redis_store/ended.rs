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
    let before = proxy.round_trips();
    assert!(timeout(SECOND * 4, ended.as_mut()).await.is_err());
    assert_eq!(proxy.round_trips(), before, "nothing is asked as long as nothing is heard");
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
