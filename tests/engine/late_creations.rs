//! Attempts to create a session that arrive after it has ended, and ends that are cut off half-way.

use std::time::Duration;

use cloakroom::testing::Verb;
use cloakroom::{ErrorKind, LimitPolicy};

use crate::harness::*;
use crate::unresolved::{LateStore, TRIES, late_site};

/// A session that was created at the second attempt, while the first is still under way, and who brings it.
async fn twice_created(site: &Site, late: &LateStore) -> Result<Visitor> {
    let mut visitor = Visitor::new();
    late.hold_back(1);
    visitor.visit(site, |session| session.login("ana")).await?;
    Ok(visitor)
}

/// Lets the late attempt arrive, with the time at which it was sent.
async fn is_over(site: &Site, late: &LateStore, visitor: &Visitor, label: &str) -> Result {
    late.arrive(site.now()).await?;
    assert!(!visitor.is_known(site).await?, "{label}");
    assert_eq!(site.count().await, 0, "{label}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_second_end_does_not_let_a_late_creation_through() -> Result {
    for which in ["a double click", "beside another session", "by the handle"] {
        let (site, late) = late_site(|builder| builder);
        let visitor = twice_created(&site, &late).await?;
        let (first, second) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
        let handle = first.handle()?.expect("a session");
        first.logout()?;
        assert_eq!(error_of(&first.commit(200).await), None);
        match which {
            "a double click" => {
                second.logout()?;
                assert_eq!(error_of(&second.commit(200).await), None);
            }
            "beside another session" => {
                let other = Visitor::logged_in(&site, "bob").await?;
                let cookies = [&other, &visitor].map(|visitor| visitor.cookie.clone().expect("a cookie"));
                let both = Visitor { cookie: Some(cookies.join("; ")) }.arrive(&site).await?;
                both.logout()?;
                assert_eq!(error_of(&both.commit(200).await), None);
            }
            _ => assert!(!site.sessions.revoke(handle).await?),
        }
        is_over(&site, &late, &visitor, which).await?;
    }
    Ok(())
}

/// Whichever call of an end fails: it is not acknowledged before nothing can bring the session back, and the next one
/// finishes what it began.
#[tokio::test(start_paused = true)]
async fn an_end_that_was_cut_off_is_finished_by_the_next() -> Result {
    for verb in [Verb::Create, Verb::Swap, Verb::Delete] {
        for after in [false, true] {
            for by_handle in [false, true] {
                let (site, late) = late_site(|builder| builder);
                let visitor = twice_created(&site, &late).await?;
                let session = visitor.arrive(&site).await?;
                let handle = session.handle()?.expect("a session");
                for nth in 1..=TRIES {
                    let when = site.store.on(verb).nth(nth);
                    if after { when.fail_after() } else { when.fail_before() }
                }
                let label = format!("{verb:?}, after: {after}, by handle: {by_handle}");
                session.logout()?;
                let mut ended = session.save().await;
                if ended.is_err() {
                    ended = if by_handle { site.sessions.revoke(handle).await.map(drop) } else { session.save().await };
                }
                assert_eq!(kind(ended), None, "{label}");
                is_over(&site, &late, &visitor, &label).await?;
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn clocks_that_are_apart_let_no_late_creation_through() -> Result {
    const APART: Duration = Duration::from_secs(300);
    for creator_is_ahead in [false, true] {
        for by_user in [false, true] {
            let (site, late) = late_site(|builder| builder);
            let ender = site.ahead(if creator_is_ahead { Duration::ZERO } else { APART }, |builder| builder);
            if creator_is_ahead {
                site.clock.advance(APART);
            }
            let mut visitor = twice_created(&site, &late).await?;
            let old = visitor.clone();
            if by_user {
                assert_eq!(ender.sessions.revoke_user("ana").await?, 1);
            } else {
                visitor.visit(&ender, |session| session.logout()).await?;
            }
            let label = format!("the creator is ahead: {creator_is_ahead}, by user: {by_user}");
            is_over(&site, &late, &old, &label).await?;
        }
    }
    Ok(())
}

/// The first attempt took effect and its answer was lost; the session was listed and revoked.
#[tokio::test(start_paused = true)]
async fn a_session_that_was_revoked_is_not_created_again() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    session.login("ana")?;
    for nth in 1..=TRIES {
        site.store.on(Verb::Create).nth(nth).fail_after();
    }
    assert_eq!(kind(session.save().await), Some(ErrorKind::Unavailable));
    let listed = site.sessions.sessions_of("ana").await?;
    assert!(site.sessions.revoke(listed[0].handle).await?);
    assert_eq!(error_of(&visitor.leave(&session).await), Some(ErrorKind::Unavailable));
    assert_eq!((site.count().await, visitor.cookie), (0, None));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn very_many_young_sessions_are_ended_within_the_time_of_each_page() -> Result {
    let site = Site::new();
    for _ in 0..300 {
        Visitor::logged_in(&site, "ana").await?;
    }
    for verb in [Verb::Load, Verb::Swap] {
        site.store.on(verb).always().delay(Duration::from_millis(20));
    }
    assert_eq!(site.sessions.revoke_user("ana").await?, 300);
    assert_eq!(site.count().await, 0);
    Ok(())
}

/// Nobody has the token of what a response with an error may have left behind.
#[tokio::test(start_paused = true)]
async fn a_login_that_failed_holds_no_place_when_it_took_effect() -> Result {
    let site = Site::with(|builder| builder.sessions_per_user(1, LimitPolicy::Refuse));
    let mut visitor = Visitor::new();
    let session = visitor.arrive(&site).await?;
    session.login("ana")?;
    for nth in 1..=TRIES {
        site.store.on(Verb::Swap).nth(nth).fail_after();
    }
    assert_eq!(error_of(&visitor.leave(&session).await), Some(ErrorKind::Unavailable));
    // The paused clock moves when nobody has anything to do any more.
    tokio::time::sleep(SECOND).await;
    let again = Visitor::logged_in(&site, "ana").await?;
    assert!(again.is_known(&site).await?);
    assert_eq!(site.count().await, 1);
    Ok(())
}

/// A session that has expired by this host's clock is live by another's.
#[tokio::test]
async fn a_logout_ends_what_other_cookies_open_where_the_clock_is_behind() -> Result {
    let idle = |builder: cloakroom::SessionManagerBuilder| {
        builder.lifetime(cloakroom::Lifetime::default().idle(Duration::from_secs(60)))
    };
    let site = Site::with(idle);
    let ahead = site.ahead(Duration::from_secs(300), idle);
    let hidden = Visitor::logged_in(&site, "ana").await?;
    let open = Visitor::logged_in(&ahead, "bob").await?;
    let cookies = [&open, &hidden].map(|visitor| visitor.cookie.clone().expect("a cookie"));
    let both = Visitor { cookie: Some(cookies.join("; ")) }.arrive(&ahead).await?;
    assert_eq!(both.user()?.as_deref(), Some("bob"));
    both.logout()?;
    assert_eq!(error_of(&both.commit(200).await), None);
    assert!(!hidden.is_known(&site).await?);
    Ok(())
}
