//! A host whose clock was ahead, and what the others make of what it wrote.

use cloakroom::testing::Verb;
use cloakroom::{
    CookieStore, ErrorKind, Event, Lifetime, LimitPolicy, Refusal, Secrets, Session, SessionManager,
    SessionManagerBuilder,
};

use crate::harness::*;

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);
const AHEAD: std::time::Duration = std::time::Duration::from_secs(40 * 86_400);

/// Does something on a host whose clock is ahead by so much.
async fn ahead<R>(site: &Site, by: std::time::Duration, what: impl Future<Output = R>) -> R {
    let now = site.now();
    site.clock.advance(by);
    let result = what.await;
    site.clock.set(now);
    result
}

fn sites(configure: impl Fn(SessionManagerBuilder) -> SessionManagerBuilder + Copy) -> [Site; 4] {
    let sealed = || {
        let secrets = Secrets::new(["the secret of a test, 32 bytes long"]).expect("a secret");
        let site = Site::new();
        let builder = SessionManager::builder(CookieStore::new(secrets)).clock(site.clock.clone());
        Site { sessions: configure(builder).build().expect("valid"), ..site }
    };
    [Site::with(configure), Site::unindexed(configure), Site::registered(configure), sealed()]
}

#[tokio::test]
async fn what_a_clock_that_is_ahead_wrote_opens_nothing() -> Result {
    for (which, site) in sites(|builder| builder).into_iter().enumerate() {
        for what in ["began", "was used", "was logged into"] {
            let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
            let change = |session: &Session| if what == "was used" { Ok(()) } else { session.login("ana") };
            if what == "began" {
                visitor = ahead(&site, AHEAD, Visitor::logged_in(&site, "ana")).await?;
            } else {
                ahead(
                    &site,
                    10 * DAY,
                    visitor.visit(&site, |session| session.set("b", 1).and_then(|()| change(session))),
                )
                .await?;
            }
            let before = visitor.clone();
            let session = visitor.arrive(&site).await?;
            assert_eq!((session.len()?, session.user()?, session.handle()?), (0, None, None), "{which}, {what}");
            assert_eq!(kind(session.require_fresh(DAY)), Some(ErrorKind::Unauthenticated));
            assert_eq!(kind(session.set("a", 2)), Some(ErrorKind::ReadOnly), "{which}, {what}");
            assert!(is_plain(&visitor.leave(&session).await));
            assert_eq!(visitor, before, "the cookie stays");
        }
    }
    Ok(())
}

#[tokio::test]
async fn clocks_may_be_ten_minutes_apart() -> Result {
    for site in sites(|builder| builder) {
        for (by, opens) in [(10 * MINUTE, true), (10 * MINUTE + SECOND, false)] {
            let mut visitor = ahead(&site, by, Visitor::logged_in(&site, "ana")).await?;
            assert_eq!(visitor.is_known(&site).await?, opens, "{by:?}");
            if opens {
                visitor.visit(&site, |session| session.set("a", 1)).await?;
                visitor.visit(&site, |session| session.require_fresh(MINUTE).map(drop)).await?;
            }
        }
    }
    Ok(())
}

/// The column of each instant by itself.
#[tokio::test]
async fn one_instant_of_the_future_is_enough() -> Result {
    for which in 0..2 {
        let site = Site::new();
        let visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let future = site.now() + AHEAD;
        let change = |record: &mut cloakroom::Record| match which {
            0 => record.created = future,
            _ => record.seen = future,
        };
        site.overwrite(&site.record().await, change).await?;
        assert!(!visitor.is_known(&site).await?, "{which}");
    }
    // The login lies in the values, so a record of the future lends them to one of now.
    let site = Site::new();
    let visitor = ahead(&site, AHEAD, Visitor::logged_in(&site, "ana")).await?;
    let (now, lifetime) = (site.now(), Lifetime::default());
    let change = |record: &mut cloakroom::Record| {
        (record.created, record.seen) = (now, now);
        record.idle_deadline = now + lifetime.idle_duration();
        record.absolute_deadline = now + lifetime.absolute_duration();
    };
    site.overwrite(&site.record().await, change).await?;
    assert!(!visitor.is_known(&site).await?);
    Ok(())
}

#[tokio::test]
async fn logins_and_ends_go_through_all_the_same() -> Result {
    for site in sites(|builder| builder) {
        let mut visitor = ahead(&site, AHEAD, Visitor::logged_in(&site, "ana")).await?;
        let copy = visitor.clone();
        visitor.visit(&site, |session| session.login("ana").and_then(|()| session.set("a", 1))).await?;
        assert_ne!(visitor, copy);
        visitor.visit(&site, |session| session.require_fresh(MINUTE).map(drop)).await?;
        visitor.visit(&site, Session::logout).await?;

        let mut visitor = copy.clone();
        visitor.visit(&site, Session::logout).await?;
        assert_eq!(visitor.cookie, None);
        assert_eq!(site.count().await, 0);
        let mut visitor = copy;
        let again = |session: &Session| session.logout().and_then(|()| session.set("b", 1));
        visitor.visit(&site, again).await?;
        assert_eq!(visitor.arrive(&site).await?.keys()?, ["b"]);
    }
    Ok(())
}

/// It would have lived for forty days longer.
#[tokio::test]
async fn its_deadlines_are_not_those_of_the_future() -> Result {
    for site in sites(|builder| builder.lifetime(Lifetime::default().idle(HOUR).absolute(DAY))) {
        let visitor = ahead(&site, AHEAD, Visitor::logged_in(&site, "ana")).await?;
        for _ in 0..4 {
            assert!(!visitor.is_known(&site).await?);
            site.clock.advance(9 * DAY);
        }
    }
    Ok(())
}

/// A session that was loaded before the clock was set right.
#[tokio::test]
async fn a_login_of_the_future_is_never_fresh() -> Result {
    let site = Site::new();
    let visitor = Visitor::logged_in(&site, "ana").await?;
    let session = visitor.arrive(&site).await?;
    session.require_fresh(MINUTE)?;
    let now = site.now();
    site.clock.set(cloakroom::Timestamp::from_millis(now.as_millis() - 1_000 * 60 * 10));
    session.require_fresh(MINUTE)?;
    site.clock.set(cloakroom::Timestamp::from_millis(now.as_millis() - 1_000 * 60 * 10 - 1));
    assert_eq!(kind(session.require_fresh(DAY)), Some(ErrorKind::NotFresh));
    Ok(())
}

#[tokio::test]
async fn it_is_told_to_the_observer() -> Result {
    let told = std::sync::Arc::new(std::sync::Mutex::new(0));
    let count = std::sync::Arc::clone(&told);
    let site = Site::with(|builder| {
        builder.observer(move |event: &Event<'_>| {
            if matches!(event, Event::Refused { why: Refusal::Ahead, .. }) {
                *count.lock().expect("no panic") += 1;
            }
        })
    });
    let visitor = ahead(&site, AHEAD, Visitor::logged_in(&site, "ana")).await?;
    visitor.arrive(&site).await?;
    assert_eq!(*told.lock().expect("no panic"), 1);
    Ok(())
}

/// What opens nothing keeps nobody out.
#[tokio::test]
async fn a_session_of_the_future_makes_room_for_a_login() -> Result {
    for policy in [LimitPolicy::EndOldest, LimitPolicy::Refuse] {
        let one_each = |builder: SessionManagerBuilder| builder.sessions_per_user(1, policy);
        for site in [Site::with(one_each), Site::registered(one_each)] {
            ahead(&site, AHEAD, Visitor::logged_in(&site, "ana")).await?;
            let elsewhere = Visitor::logged_in(&site, "ana").await?;
            assert!(elsewhere.is_known(&site).await?, "{policy:?}");
            assert_eq!(site.sessions.sessions_of("ana").await?.len(), 1, "{policy:?}");
        }
    }
    Ok(())
}

/// A renewal by such a host cuts the old token off as any does, and what it was replaced by can be ended.
#[tokio::test]
async fn a_renewal_of_the_future_can_be_ended() -> Result {
    for periodic in [false, true] {
        let site = Site::renewing();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let mut old = visitor.clone();
        let renew = |session: &Session| if periodic { session.set("a", 2) } else { session.renew() };
        ahead(&site, DAY, visitor.visit(&site, renew)).await?;
        assert_ne!(visitor, old);
        let session = old.arrive(&site).await?;
        assert_eq!((session.len()?, kind(session.set("a", 2))), (0, Some(ErrorKind::ReadOnly)), "{periodic}");
        old.visit(&site, Session::logout).await?;
        assert_eq!((site.count().await, old.cookie), (0, None));
    }
    Ok(())
}

/// A visitor whose other cookie opens a session has that one.
#[tokio::test]
async fn beside_a_session_of_the_future_another_token_opens() -> Result {
    for site in sites(|builder| builder) {
        let future = ahead(&site, AHEAD, Visitor::logged_in(&site, "ana")).await?;
        let now = Visitor::logged_in(&site, "bob").await?;
        let cookies = [future, now].map(|visitor| visitor.cookie.expect("a cookie"));
        let both = Visitor { cookie: Some(cookies.join("; ")) };
        assert_eq!(both.arrive(&site).await?.user()?.as_deref(), Some("bob"));
        assert_eq!(site.store.calls(Verb::Swap), 0);
    }
    Ok(())
}
