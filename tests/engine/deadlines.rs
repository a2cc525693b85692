//! When a session ends by itself, how long its cookie lives, and what `save` and login do to it.

use std::time::{Duration, SystemTime};

use cloakroom::testing::Verb;
use cloakroom::{CookieKind, ErrorKind, Lifetime};

use crate::harness::*;

fn hours(idle: u32, absolute: u32) -> Lifetime {
    Lifetime::default().idle(HOUR * idle).absolute(HOUR * absolute)
}

fn now(site: &Site) -> SystemTime {
    site.now().into()
}

// behaviour 56
#[tokio::test]
async fn activity_extends_and_silence_ends() -> Result {
    let site = Site::with(|builder| builder.lifetime(hours(2, 100)));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    for _ in 0..5 {
        site.clock.advance(2 * HOUR - SECOND);
        assert_eq!(visitor.number(&site, "a").await?, Some(1), "reading is activity");
    }
    site.clock.advance(2 * HOUR);
    assert_eq!(visitor.number(&site, "a").await?, None);
    assert_eq!(site.count().await, 0);
    Ok(())
}

// behaviour 57
#[tokio::test]
async fn no_activity_extends_beyond_the_absolute_deadline() -> Result {
    let site = Site::with(|builder| builder.lifetime(hours(2, 5)));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    for i in 0..4 {
        site.clock.advance(HOUR);
        visitor.visit(&site, |session| session.set("a", i)).await?;
    }
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.expires_in()?, session.idle_deadline()?), (Some(HOUR), session.absolute_deadline()?));
    site.clock.advance(HOUR);
    assert_eq!(visitor.number(&site, "a").await?, None);
    Ok(())
}

// behaviour 58, defect 10
#[tokio::test]
async fn renewal_moves_no_absolute_deadline_and_login_does() -> Result {
    let site = Site::with(|builder| builder.lifetime(hours(2, 5)));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let deadline = visitor.arrive(&site).await?.absolute_deadline()?;
    assert_eq!(deadline, Some(now(&site) + 5 * HOUR));
    site.clock.advance(HOUR);
    visitor.visit(&site, |session| session.renew()).await?;
    assert_eq!(visitor.arrive(&site).await?.absolute_deadline()?, deadline);
    visitor.visit(&site, |session| session.login("ana")).await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!(session.absolute_deadline()?, Some(now(&site) + 5 * HOUR));
    assert_eq!(session.created()?, Some(now(&site) - HOUR));
    assert_eq!(session.authenticated_at()?, Some(now(&site)));
    site.clock.advance(HOUR);
    // behaviour 140
    assert_eq!(visitor.arrive(&site).await?.authenticated_at()?, Some(now(&site) - HOUR));
    Ok(())
}

// behaviour 62
#[tokio::test]
async fn asking_for_a_deadline_is_no_activity() -> Result {
    let site = Site::with(|builder| builder.lifetime(hours(2, 5)));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.clock.advance(HOUR);
    let left = visitor
        .visit(&site, |session| {
            session.lifetime()?;
            session.idle_deadline()?;
            session.absolute_deadline()?;
            session.created()?;
            session.authenticated_at()?;
            session.handle()?;
            session.expires_in()
        })
        .await?;
    assert_eq!((left, site.store.calls(Verb::Touch)), (Some(HOUR), 0));
    Ok(())
}

// behaviour 42
#[tokio::test]
async fn activity_is_noted_when_a_share_of_the_idle_time_has_passed() -> Result {
    let site = Site::with(|builder| builder.lifetime(hours(20, 100)));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    site.clock.advance(HOUR - SECOND);
    visitor.number(&site, "a").await?;
    assert_eq!(site.store.calls(Verb::Touch), 0);
    site.clock.advance(SECOND);
    let session = visitor.arrive(&site).await?;
    session.get::<u32>("a")?;
    let committed = visitor.leave(&session).await;
    assert!(
        committed.edits.set_cookies().next().is_some_and(|cookie| cookie.contains("Max-Age=72000")),
        "it lives as long"
    );
    assert_eq!((site.store.calls(Verb::Touch), site.store.calls(Verb::Swap)), (1, 0));
    visitor.number(&site, "a").await?;
    assert_eq!(site.store.calls(Verb::Touch), 1);
    assert_eq!(site.record().await.record.seen, site.now());
    // A value that is set as it is already is activity and no change.
    site.clock.advance(HOUR - SECOND);
    visitor.visit(&site, |session| session.set("a", 1)).await?;
    assert_eq!((site.store.calls(Verb::Touch), site.store.calls(Verb::Swap)), (1, 0));
    site.clock.advance(SECOND);
    visitor.visit(&site, |session| session.set("a", 1)).await?;
    assert_eq!((site.store.calls(Verb::Touch), site.store.calls(Verb::Swap)), (2, 0));
    Ok(())
}

// behaviours 59 and 60, defect 11
#[tokio::test]
async fn a_lifetime_of_its_own_stays_with_a_session() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let own = hours(1, 3).browser_cookie();
    let session = visitor.arrive(&site).await?;
    session.set_lifetime(own)?;
    let committed = visitor.leave(&session).await;
    assert!(committed.edits.set_cookies().next().is_some_and(|cookie| !cookie.contains("Max-Age")), "behaviour 60");
    for _ in 0..2 {
        site.clock.advance(HOUR - SECOND);
        visitor.visit(&site, |session| session.update("a", one_more)).await?;
    }
    visitor.visit(&site, |session| session.renew()).await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.lifetime()?, session.expires_in()?), (own, Some(HOUR)));
    site.clock.advance(HOUR);
    assert!(!visitor.is_known(&site).await?, "a browser cookie has a deadline on the server");
    let unusable = Visitor::new().arrive(&site).await?.set_lifetime(own.idle(Duration::ZERO));
    assert_eq!(kind(unusable), Some(ErrorKind::Unsupported), "behaviour 61");
    Ok(())
}

#[tokio::test]
async fn remembering_raises_the_deadlines_and_keeps_the_cookie() -> Result {
    let site = Site::with(|builder| builder.lifetime(hours(1, 2).browser_cookie()));
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let session = visitor.arrive(&site).await?;
    session.remember(90 * DAY)?;
    assert_eq!(session.lifetime()?.cookie_kind(), CookieKind::Persistent);
    let committed = visitor.leave(&session).await;
    assert!(committed.edits.set_cookies().next().is_some_and(|cookie| cookie.contains("Max-Age=7776000")));
    site.clock.advance(89 * DAY);
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    site.clock.advance(DAY);
    assert!(!visitor.is_known(&site).await?, "the absolute deadline was raised once");
    Ok(())
}

// behaviours 75, 76 and 74
#[tokio::test]
async fn what_was_saved_is_not_saved_again() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    session.save().await?;
    assert_eq!(site.store.total_calls(), 0, "there is nothing to save");
    session.set("a", 1)?;
    session.save().await?;
    session.save().await?;
    assert_eq!((site.store.calls(Verb::Create), site.store.total_calls()), (1, 1));
    session.set("b", 2)?;
    assert!(visitor.leave(&session).await.edits.set_cookies().next().is_some(), "the ticket of the first save");
    assert_eq!((site.store.calls(Verb::Swap), site.store.total_calls()), (1, 2));
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["a", "b"]);
    Ok(())
}

// behaviours 20, 24 and 25
#[tokio::test]
async fn renewing_keeps_all_and_happens_once() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let old = visitor.clone();
    let session = visitor.arrive(&site).await?;
    let handle = session.handle()?;
    session.renew()?;
    session.set("b", 2)?;
    session.renew()?;
    visitor.leave(&session).await;
    assert_eq!((site.store.calls(Verb::Create), site.store.calls(Verb::Swap)), (2, 2));
    session.set("c", 3)?;
    session.save().await?;
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.keys()?.concat(), session.handle()?), ("abc".to_owned(), handle));
    assert!(visitor != old && site.count().await == 1);
    Ok(())
}

// behaviours 21 and 22
#[tokio::test]
async fn renewing_what_is_not_there_makes_nothing() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    visitor.visit(&site, |session| session.renew().and_then(|()| session.set("a", 1))).await?;
    assert_eq!((site.store.calls(Verb::Create), site.store.calls(Verb::Swap)), (1, 0));

    let session = visitor.arrive(&site).await?;
    visitor.visit(&site, |session| session.destroy()).await?;
    session.renew()?;
    assert_eq!(kind(session.save().await), Some(ErrorKind::Ended));
    assert_eq!(site.count().await, 0);
    Ok(())
}

#[tokio::test]
async fn logging_in_as_another_user_leaves_nothing_of_the_first() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("cart", 1)]).await?;
    visitor.visit(&site, |session| session.login("ana")).await?;
    let ana = visitor.clone();
    visitor.visit(&site, |session| session.set("secret", 1).and_then(|()| session.flash("info", "hello ana"))).await?;
    let before = visitor.arrive(&site).await?;
    assert_eq!((before.keys()?, before.user()?.as_deref()), (vec!["cart".into(), "secret".into()], Some("ana")));
    visitor.visit(&site, |session| session.login("ana")).await?;
    assert_eq!(visitor.arrive(&site).await?.len()?, 2, "the same user again keeps all");
    visitor.visit(&site, |session| session.login("bob")).await?;
    let after = visitor.arrive(&site).await?;
    assert_eq!((after.len()?, after.flashes()?.len(), after.user()?.as_deref()), (0, 0, Some("bob")));
    assert_ne!(after.handle()?, before.handle()?);
    assert!(!ana.is_known(&site).await?);
    assert_eq!((site.count().await, site.sessions.sessions_of("ana").await?.len()), (1, 0));
    for (user, refused) in [("", ErrorKind::Encode), (&*"x".repeat(513), ErrorKind::TooLarge)] {
        assert_eq!(kind(after.login(user)), Some(refused));
    }
    Ok(())
}

// behaviour 96
#[tokio::test]
async fn an_error_status_rolls_back_if_it_is_told_to() -> Result {
    let keeps = Site::new();
    let rolls_back = Site::with(|builder| builder.roll_back_on(|status| status >= 500));
    for (site, status, kept) in [(&keeps, 500, 2), (&rolls_back, 500, 1), (&rolls_back, 404, 2)] {
        let mut visitor = Visitor::with(site, &[("a", 1)]).await?;
        let session = visitor.arrive(site).await?;
        session.set("a", 2)?;
        visitor.take(&session.commit(status).await);
        assert_eq!(visitor.number(site, "a").await?, Some(kept));
        let session = visitor.arrive(site).await?;
        session.destroy()?;
        visitor.take(&session.commit(status).await);
        assert_eq!(visitor.is_known(site).await?, kept == 1);
    }
    Ok(())
}
