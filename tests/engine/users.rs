//! Who may go on, and what a user's list of sessions says.

use cloakroom::{ErrorKind, MAX_NOTE_BYTES, Session};
use serde_json::json;

use crate::harness::*;

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

// behaviour 140
#[tokio::test]
async fn a_login_is_fresh_by_its_own_age_and_not_by_activity() -> Result {
    for site in [Site::new(), Site::registered(|builder| builder)] {
        let mut visitor = Visitor::new();
        let fresh = |session: &Session| session.require_fresh(10 * MINUTE).map(drop);
        assert_eq!(kind(visitor.visit(&site, fresh).await), Some(ErrorKind::Unauthenticated));
        visitor.visit(&site, |session| session.login("ana")).await?;
        for minute in 0..9 {
            visitor.visit(&site, |session| session.set("a", minute)).await?;
            visitor.visit(&site, fresh).await?;
            site.clock.advance(MINUTE);
        }
        visitor.visit(&site, |session| session.renew()).await?;
        visitor.visit(&site, fresh).await?;
        site.clock.advance(MINUTE);
        assert_eq!(kind(visitor.visit(&site, fresh).await), Some(ErrorKind::NotFresh));
        assert_eq!(&*visitor.visit(&site, |session| session.require_user()).await?, "ana");
        visitor.visit(&site, |session| session.login("ana")).await?;
        visitor.visit(&site, fresh).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_user_of_one_request_is_a_user_but_never_fresh() -> Result {
    let site = Site::new();
    let session = Visitor::new().arrive(&site).await?;
    assert_eq!(kind(session.require_user()), Some(ErrorKind::Unauthenticated));
    session.login_transient("robot")?;
    assert_eq!(&*session.require_user()?, "robot");
    assert_eq!(kind(session.require_fresh(DAY)), Some(ErrorKind::NotFresh));
    assert!(is_plain(&session.commit(200).await));
    Ok(())
}

#[tokio::test]
async fn tokens_need_a_user_and_checks_only_read() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    visitor.visit(&site, |session| session.set("tokens", json!(["admin", "page.*"]))).await?;
    let session = visitor.arrive(&site).await?;
    assert!(!session.has_token("admin")?, "without a user there are no tokens");
    assert_eq!(kind(session.require_tokens(["admin"])), Some(ErrorKind::Unauthenticated));

    visitor.visit(&site, |session| session.login("ana")).await?;
    let (before, calls) = (site.record().await, site.store.total_calls());
    let session = visitor.arrive(&site).await?;
    assert_eq!(&*session.require_tokens(["admin", "page.edit"])?, "ana");
    assert_eq!(&*session.require_tokens::<&str>([])?, "ana");
    assert_eq!(kind(session.require_tokens(["admin", "page"])), Some(ErrorKind::Forbidden));
    assert!(session.has_token("page.edit")? && !session.has_token("shop")?);
    assert!(is_plain(&session.commit(200).await));
    assert_eq!((site.record().await, site.store.total_calls()), (before, calls + 1), "a load, and nothing else");

    // Regular tokens hide transient ones; those are never kept.
    let session = visitor.arrive(&site).await?;
    session.set_transient("tokens", json!({"shop": true}))?;
    assert!(!session.has_token("shop")?);
    session.remove("tokens")?;
    assert!(session.has_token("shop")?);
    visitor.leave(&session).await;
    assert_eq!(visitor.arrive(&site).await?.get::<serde_json::Value>("tokens")?, None);

    visitor.visit(&site, |session| session.set("tokens", 1)).await?;
    assert_eq!(kind(visitor.arrive(&site).await?.has_token("shop")), Some(ErrorKind::Decode));
    Ok(())
}

// behaviours 130, 131, 132 and 133
#[tokio::test]
async fn the_list_follows_every_change() -> Result {
    for site in [Site::new(), Site::registered(|builder| builder)] {
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        assert_eq!(site.sessions.sessions_of("ana").await?, []);
        visitor.visit(&site, |session| session.login("ana")).await?;
        let other = Visitor::logged_in(&site, "ana").await?;
        let listed = site.sessions.sessions_of("ana").await?;
        let handle = visitor.arrive(&site).await?.handle()?.expect("a session");
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().any(|info| info.handle == handle));
        assert!(listed.iter().all(|info| info.note.is_none() && !info.current), "nothing is noted by itself");

        // Neither looking nor saving without a change nor renewing moves it.
        visitor.visit(&site, |session| session.get::<u32>("a").map(drop)).await?;
        let session = visitor.arrive(&site).await?;
        session.save().await?;
        visitor.visit(&site, |session| session.renew()).await?;
        assert_eq!(site.sessions.sessions_of("ana").await?.len(), 2);
        site.clock.advance(2 * DAY);
        visitor.visit(&site, |session| session.get::<u32>("a").map(drop)).await?;
        let seen: Vec<_> = site.sessions.sessions_of("ana").await?.iter().map(|info| info.seen).collect();
        assert_eq!(seen.iter().max(), Some(&site.now().into()));

        // Another user, the end, and the deadline.
        visitor.visit(&site, |session| session.login("bob")).await?;
        assert_eq!(site.sessions.sessions_of("ana").await?.len(), 1);
        assert_eq!(site.sessions.sessions_of("bob").await?.len(), 1);
        visitor.visit(&site, |session| session.logout()).await?;
        assert_eq!(site.sessions.sessions_of("bob").await?, []);
        site.clock.advance(60 * DAY);
        assert_eq!(site.sessions.sessions_of("ana").await?, []);
        assert!(!other.is_known(&site).await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_note_is_listed_and_the_session_that_asks_is_marked() -> Result {
    for site in [Site::new(), Site::registered(|builder| builder)] {
        let mut visitor = Visitor::new();
        let sign_in = |session: &Session| {
            session.login("ana")?;
            session.note("Firefox on Linux")
        };
        visitor.visit(&site, sign_in).await?;
        Visitor::logged_in(&site, "ana").await?;
        visitor.visit(&site, |session| session.renew()).await?;
        visitor.visit(&site, |session| session.clear()).await?;
        let session = visitor.arrive(&site).await?;
        let listed = session.clone().scope(site.sessions.sessions_of("ana")).await?;
        let mut said: Vec<_> = listed.iter().map(|info| (info.current, info.note.as_deref())).collect();
        said.sort_unstable();
        assert_eq!(said, [(false, None), (true, Some("Firefox on Linux"))]);

        assert_eq!(kind(session.note("x".repeat(MAX_NOTE_BYTES + 1))), Some(ErrorKind::TooLarge));
        visitor.visit(&site, |session| session.note("x".repeat(MAX_NOTE_BYTES))).await?;
        visitor.visit(&site, |session| session.note("")).await?;
        assert!(site.sessions.sessions_of("ana").await?.iter().all(|info| info.note.is_none()));
    }
    Ok(())
}

/// A session needs no fingerprint of the password: what it would end at its next request is over before.
// behaviours 135 and 136
#[tokio::test]
async fn a_new_password_ends_all_other_sessions() -> Result {
    for site in [Site::new(), Site::registered(|builder| builder)] {
        let mut here = Visitor::logged_in(&site, "ana").await?;
        let (mut phone, laptop) = (Visitor::logged_in(&site, "ana").await?, Visitor::logged_in(&site, "ana").await?);
        let bob = Visitor::logged_in(&site, "bob").await?;
        let under_way = laptop.arrive(&site).await?;
        under_way.set("a", 1)?;

        let session = here.arrive(&site).await?;
        session.renew()?;
        assert_eq!(site.sessions.revoke_others(&session).await?, 2);
        assert_eq!(error_of(&here.leave(&session).await), None);

        assert_eq!(phone.visit(&site, |session| session.user()).await?, None);
        assert!(is_plain(&under_way.commit(200).await), "it saves nothing");
        assert!(!laptop.is_known(&site).await?);
        assert_eq!(here.visit(&site, |session| session.user()).await?.as_deref(), Some("ana"));
        assert!(bob.is_known(&site).await?);
        assert_eq!(site.sessions.sessions_of("ana").await?.len(), 1);
    }
    Ok(())
}
