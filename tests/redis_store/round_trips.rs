//! How often a request waits for the server. A proxy counts how often a client spoke after it had listened: that is what
//! a request waits for, however many commands go out at once, and it includes what the engine does besides the verbs.

use std::time::Duration;

use cloakroom::testing::FakeClock;
use cloakroom::{Lifetime, Session, SessionManager};
use servers::{Proxy, Redis};

use crate::bench::{HOUR, Result, later};

struct Site {
    _server: Redis,
    proxy: Proxy,
    sessions: SessionManager,
    clock: FakeClock,
}

impl Site {
    fn start(lifetime: Lifetime) -> Self {
        let server = Redis::start();
        let proxy = Proxy::start(server.port());
        let clock = FakeClock::new();
        let store = later(&proxy.redis_url());
        let sessions = SessionManager::builder(store).lifetime(lifetime).clock(clock.clone()).build().expect("valid");
        Self { _server: server, proxy, sessions, clock }
    }

    /// A request with this cookie: how many round trips it took, and the cookie that it leaves.
    async fn request(&self, cookie: &mut Option<String>, handler: impl FnOnce(&Session) -> Result) -> Result<u64> {
        let before = self.proxy.round_trips();
        let session = match &*cookie {
            Some(cookie) => self.sessions.open(cookie.clone()),
            None => self.sessions.open(()),
        };
        session.load().await?;
        handler(&session)?;
        let committed = session.commit(200).await;
        if let Some(error) = committed.error {
            return Err(error);
        }
        if let Some(header) = committed.edits.set_cookies().next() {
            *cookie = header.split(';').next().map(str::to_owned);
        }
        Ok(self.proxy.round_trips() - before)
    }
}

fn increment(session: &Session) -> Result {
    session.update("n", |n: Option<u32>| n.unwrap_or(0) + 1).map(drop)
}

fn read(session: &Session) -> Result {
    session.get::<u32>("n").map(drop)
}

// behaviour 46
#[tokio::test]
async fn untouched_none_read_one_write_two() -> Result {
    let site = Site::start(Lifetime::default());
    let mut cookie = None;
    // The connection is made, and the scripts are told, once in the life of a process.
    site.request(&mut cookie, increment).await?;
    site.request(&mut cookie, increment).await?;
    let mut other = None;
    assert_eq!(site.request(&mut other, increment).await?, 1, "a new session");
    for round in 0..20 {
        let before = site.proxy.round_trips();
        let session = site.sessions.open(cookie.clone().expect("a cookie"));
        assert!(session.commit(200).await.error.is_none());
        assert_eq!(site.proxy.round_trips() - before, 0, "untouched, round {round}");
        assert_eq!(site.request(&mut cookie, read).await?, 1, "read, round {round}");
        assert_eq!(site.request(&mut cookie, increment).await?, 2, "write, round {round}");
    }
    Ok(())
}

// behaviours 15 and 56
#[tokio::test]
async fn a_touch_at_most_once_per_share_of_the_idle_time() -> Result {
    let site = Site::start(Lifetime::default().idle(HOUR * 10));
    let mut cookie = None;
    site.request(&mut cookie, increment).await?;
    // The script of a touch is told once.
    site.clock.advance(HOUR);
    site.request(&mut cookie, read).await?;
    // Five in a hundred of ten hours are half an hour: three requests with a touch among twenty in ninety minutes.
    let mut trips = Vec::new();
    for _ in 0..20 {
        site.clock.advance(Duration::from_secs(270));
        trips.push(site.request(&mut cookie, read).await?);
    }
    assert!(trips.iter().all(|trips| *trips <= 2), "{trips:?}");
    let touches = trips.iter().filter(|trips| **trips == 2).count();
    assert!((2..=3).contains(&touches), "{trips:?}");
    Ok(())
}
