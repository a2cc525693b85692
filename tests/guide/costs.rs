//! The table of what a commit costs, in `lifecycle.md`.

use std::time::Duration;

use cloakroom::testing::{FakeClock, FaultStore, Verb};
use cloakroom::{MemoryStore, Result, Session, SessionManager};

const DAY: Duration = Duration::from_secs(86_400);

struct Site {
    clock: FakeClock,
    store: FaultStore<MemoryStore>,
    sessions: SessionManager,
}

/// What one commit did: calls of create, swap, touch and delete; whether the session was looked at; the `Set-Cookie`.
type Cost = ([usize; 4], bool, Option<String>);

impl Site {
    fn new() -> Self {
        let (clock, store) = (FakeClock::new(), FaultStore::new(MemoryStore::new()));
        let sessions =
            SessionManager::builder(store.clone()).clock(clock.clone()).without_sweeper().build().expect("builds");
        Self { clock, store, sessions }
    }

    fn calls(&self) -> [usize; 4] {
        [Verb::Create, Verb::Swap, Verb::Touch, Verb::Delete].map(|verb| self.store.calls(verb))
    }

    async fn request(&self, cookie: &str, load: bool, work: impl FnOnce(&Session) -> Result<()>) -> Cost {
        let session = self.sessions.open(cookie.to_owned());
        if load {
            session.load().await.expect("loads");
        }
        let before = self.calls();
        if load {
            work(&session).expect("works");
        }
        let committed = session.commit(200).await;
        assert!(committed.error.is_none());
        let after = self.calls();
        let cost = std::array::from_fn(|verb| after[verb] - before[verb]);
        (cost, !committed.edits.is_empty(), committed.edits.set_cookies().next().map(str::to_owned))
    }

    async fn visitor(&self) -> String {
        let (_, _, cookie) = self.request("", true, |session| session.set("cart", 1)).await;
        cookie.and_then(|cookie| Some(cookie.split(';').next()?.to_owned())).expect("a cookie")
    }
}

fn read(session: &Session) -> Result<()> {
    session.get::<u32>("cart").map(drop)
}

fn deadlines(session: &Session) -> Result<()> {
    session.set_transient("locale", "pt")?;
    session.expires_in().map(drop)
}

#[tokio::test]
async fn each_request_costs_what_the_guide_says() {
    let site = Site::new();
    let nothing = [0, 0, 0, 0];
    assert_eq!(site.request("", false, |_| Ok(())).await, (nothing, false, None), "not loaded");
    assert_eq!(site.request("", true, read).await, (nothing, true, None), "no session");

    let (cost, _, cookie) = site.request("", true, |session| session.set("cart", 1)).await;
    assert!(cost == [1, 0, 0, 0] && cookie.is_some(), "the first write");
    let (cost, _, cookie) = site.request("", true, |session| session.login("ana")).await;
    assert!(cost == [1, 0, 0, 0] && cookie.is_some(), "a login without a session");

    let visitor = site.visitor().await;
    assert_eq!(site.request(&visitor, false, |_| Ok(())).await, (nothing, false, None), "not loaded");
    assert_eq!(site.request(&visitor, true, |_| Ok(())).await, (nothing, true, None), "loaded");
    assert_eq!(site.request(&visitor, true, read).await, (nothing, true, None), "read");
    assert_eq!(site.request(&visitor, true, |session| session.set("cart", 1)).await, (nothing, true, None), "the same");
    assert_eq!(site.request(&visitor, true, |s| s.set("cart", 2)).await, ([0, 1, 0, 0], true, None), "changed");

    site.clock.advance(DAY);
    assert_eq!(site.request(&visitor, true, read).await, (nothing, true, None), "below the touch share");
    site.clock.advance(DAY);
    assert_eq!(site.request(&visitor, true, |_| Ok(())).await, (nothing, true, None), "loading is no activity");
    assert_eq!(site.request(&visitor, true, deadlines).await, (nothing, true, None), "nor are these");
    let (cost, _, cookie) = site.request(&visitor, true, read).await;
    assert_eq!(cost, [0, 0, 1, 0], "a touch");
    assert!(cookie.is_some_and(|cookie| cookie.ends_with("Max-Age=2678400")), "the cookie lives on as well");
    site.clock.advance(DAY * 2);
    let (cost, _, cookie) = site.request(&visitor, true, |session| session.set("cart", 3)).await;
    assert!(cost == [0, 1, 0, 0] && cookie.is_some(), "changed, and noted");

    let renewed = site.visitor().await;
    let (cost, _, cookie) = site.request(&renewed, true, Session::renew).await;
    assert!(cost == [1, 2, 0, 0] && cookie.is_some(), "renewed");
    let (cost, _, cookie) = site.request(&visitor, true, |session| session.login("ana")).await;
    assert!(cost == [1, 2, 0, 0] && cookie.is_some(), "logged in");

    let leaving = site.visitor().await;
    let (cost, _, cookie) = site.request(&leaving, true, Session::destroy).await;
    assert_eq!(cost, [0, 1, 0, 0], "ended");
    assert!(cookie.is_some_and(|cookie| cookie.contains("Max-Age=0")), "the cookie is removed");
    let expired = site.visitor().await;
    site.clock.advance(DAY * 32);
    assert_eq!(site.request(&expired, true, read).await, (nothing, true, None), "a cookie of what expired stays");
}
