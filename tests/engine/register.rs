//! Sealed sessions that a store knows of: what was ended opens nothing, whoever kept a copy.

use cloakroom::testing::Verb;
use cloakroom::{ErrorKind, Lifetime, Session};

use crate::crashes::Death;
use crate::harness::*;

fn site() -> Site {
    Site::registered(|builder| builder)
}

// behaviour 120
#[tokio::test]
async fn a_copy_of_a_cookie_is_no_use_after_the_logout() -> Result {
    for user in [None, Some("ana")] {
        let site = site();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        if let Some(user) = user {
            visitor.visit(&site, |session| session.login(user)).await?;
        }
        let copy = visitor.clone();
        assert_eq!(visitor.number(&site, "a").await?, Some(1));
        visitor.visit(&site, |session| session.logout()).await?;
        assert_eq!(visitor.cookie, None);
        for wait in [0, 6, 200] {
            site.clock.advance(SECOND * wait);
            assert!(!copy.is_known(&site).await?, "{user:?}");
        }
        assert_eq!(site.count().await, 0);
    }
    Ok(())
}

// behaviours 120, 130 and 135
#[tokio::test]
async fn sealed_sessions_are_revoked_one_or_the_others_or_all() -> Result {
    let site = site();
    let mut ana = Vec::new();
    for _ in 0..4 {
        ana.push(Visitor::logged_in(&site, "ana").await?);
        site.clock.advance(SECOND);
    }
    let bob = Visitor::logged_in(&site, "bob").await?;
    let handle = ana[3].arrive(&site).await?.handle()?.expect("a session");
    assert!(!site.sessions.revoke_of("bob", handle).await?);
    assert!(site.sessions.revoke(handle).await? && !site.sessions.revoke(handle).await?);
    assert!(!ana[3].is_known(&site).await? && ana[2].is_known(&site).await?);
    assert_eq!(site.sessions.revoke_others(&ana[0].arrive(&site).await?).await?, 2);
    assert!(ana[0].is_known(&site).await? && !ana[1].is_known(&site).await?);
    assert_eq!(site.sessions.revoke_user("ana").await?, 1);
    assert!(!ana[0].is_known(&site).await? && bob.is_known(&site).await?);
    Ok(())
}

#[tokio::test]
async fn a_cookie_from_before_a_login_is_not_that_of_the_user() -> Result {
    let site = site();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let (before, late) = (visitor.clone(), visitor.arrive(&site).await?);
    visitor.visit(&site, |session| session.login("ana")).await?;
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    // A request that was under way drops its changes, and sets no cookie over the new one.
    late.set("a", 2)?;
    assert!(is_plain(&late.commit(200).await));
    let session = before.arrive(&site).await?;
    assert_eq!((session.handle()?, kind(session.set("a", 2))), (None, Some(ErrorKind::ReadOnly)));
    site.clock.advance(SECOND * 10);
    let session = before.arrive(&site).await?;
    assert_eq!(session.handle()?, None);
    session.set("a", 3)?;
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    Ok(())
}

// behaviours 40, 42 and 135
#[tokio::test]
async fn what_was_revoked_during_a_request_stays_revoked() -> Result {
    for change in [
        (|session: &Session| session.set("a", 2)) as fn(&Session) -> Result,
        |session| session.renew(),
        |session| session.note("here"),
        |session| session.login("ana"),
        |session| session.get::<u32>("a").map(drop),
        |session| session.logout(),
    ] {
        for after in [false, true] {
            let site = site();
            let visitor = Visitor::logged_in(&site, "ana").await?;
            site.clock.advance(2 * DAY);
            let session = visitor.arrive(&site).await?;
            change(&session)?;
            if after {
                // Between what the request reads of the register and what it writes there.
                let stop = site.store.on_any().nth(1).pause_after();
                let task = commit_until(&session, &stop).await;
                site.sessions.revoke_user("ana").await?;
                stop.resume();
                assert_eq!(error_of(&task.await.expect("no panic")), None);
            } else {
                site.sessions.revoke_user("ana").await?;
                assert!(is_plain(&session.commit(200).await));
            }
            assert!(!visitor.is_known(&site).await?);
            assert_eq!(site.count().await, 0);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_read_asks_once_and_a_change_once_more() -> Result {
    let site = site();
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    let calls = || site.store.total_calls();
    let before = calls();
    visitor.number(&site, "a").await?;
    assert_eq!(calls() - before, 1);
    visitor.visit(&site, |session| session.set("a", 1)).await?;
    assert_eq!(calls() - before, 3);
    Visitor::new().visit(&site, |session| session.get::<u32>("a")).await?;
    assert_eq!(calls() - before, 3, "who brings no cookie costs nothing");
    // What is in the session does not go to the store.
    let secret = "the visitor's own words";
    visitor.visit(&site, |session| session.set("words", secret)).await?;
    let stored = site.record().await.record.encode();
    assert!(!stored.windows(secret.len()).any(|window| window == secret.as_bytes()));
    Ok(())
}

#[tokio::test]
async fn a_register_that_is_away_is_no_absent_session() -> Result {
    let site = site();
    let mut visitor = Visitor::logged_in(&site, "ana").await?;
    site.store.go_away();
    assert_eq!(kind(visitor.number(&site, "a").await), Some(ErrorKind::Unavailable));
    site.store.come_back();
    visitor.number(&site, "a").await?;
    // A logout that cannot be kept is none.
    let session = visitor.arrive(&site).await?;
    session.logout()?;
    site.store.on(Verb::Swap).always().fail_before();
    assert_eq!(error_of(&visitor.leave(&session).await), Some(ErrorKind::Unavailable));
    assert!(visitor.is_known(&site).await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_cut_off_happened_or_did_not() -> Result {
    for death in Death::at_one_of(5) {
        let site = site();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let session = visitor.arrive(&site).await?;
        session.login("ana")?;
        assert!(death.meets(&site, session.commit(200)).await.is_none(), "{death:?}");
        site.store.come_back();
        site.clock.advance(SECOND * 11);
        let opens = visitor.is_known(&site).await?;
        let promoted = death.nth == 5 && death.after;
        assert_eq!(opens, !promoted, "{death:?}");
        assert_eq!(visitor.number(&site, "a").await?, opens.then_some(1), "{death:?}");
        visitor.visit(&site, |session| session.login("ana")).await?;
        assert_eq!(visitor.arrive(&site).await?.user()?.as_deref(), Some("ana"));
        site.clock.advance(PAST_MARKERS);
        assert_eq!(site.count().await, 1 + u64::from(promoted), "{death:?}");
    }
    Ok(())
}

/// A slow request writes what it noted half an hour ago after a quicker one, which had the same cookie.
#[tokio::test]
async fn a_slow_request_takes_no_time_from_a_session_that_another_has_used_since() -> Result {
    let site = Site::registered(|builder| builder.lifetime(Lifetime::default().idle(HOUR)));
    let visitor = Visitor::logged_in(&site, "ana").await?;
    let slow = visitor.arrive(&site).await?;
    slow.set("slow", 1)?;
    let stop = site.store.on(Verb::Load).pause_before();
    let task = commit_until(&slow, &stop).await;
    site.clock.advance(HOUR / 2);
    let mut quick = visitor.clone();
    quick.visit(&site, |session| session.set("quick", 1)).await?;
    stop.resume();
    assert_eq!(error_of(&task.await.expect("no panic")), None);
    site.clock.advance(HOUR * 3 / 4);
    assert!(quick.is_known(&site).await?, "it was used three quarters of an hour ago");
    site.clock.advance(HOUR / 4);
    assert!(!quick.is_known(&site).await?);
    Ok(())
}

/// Two logins of one visitor: the second one leaves the first alone for as long as that may wait for its store, and takes
/// over what it left behind afterwards.
#[tokio::test]
async fn a_login_under_way_is_taken_over_when_it_must_have_given_up() -> Result {
    let timeout = SECOND * 4;
    for (wait, taken_over) in [(0, false), (3_999, false), (4_000, true)] {
        let site = Site::registered(|builder| builder.store_timeout(timeout));
        let mut first = Visitor::with(&site, &[("a", 1)]).await?;
        let mut second = first.clone();
        let login = first.arrive(&site).await?;
        login.login("ana")?;
        let stop = site.store.on(Verb::Swap).pause_before();
        let task = commit_until(&login, &stop).await;
        site.clock.advance(timeout * wait / 4_000);
        let outcome = second.visit(&site, |session| session.login("ana")).await;
        assert_eq!(kind(outcome), (!taken_over).then_some(ErrorKind::Conflict), "{wait} ms");
        if taken_over {
            // The first process is dead: nothing of it goes on.
            site.store.go_away();
            stop.resume();
            task.await.expect("no panic");
            site.store.come_back();
            assert_eq!(second.arrive(&site).await?.user()?.as_deref(), Some("ana"));
        } else {
            stop.resume();
            first.take(&task.await.expect("no panic"));
            assert_eq!(first.arrive(&site).await?.user()?.as_deref(), Some("ana"), "{wait} ms");
        }
        assert_eq!(site.count().await, 1, "{wait} ms");
    }
    Ok(())
}
