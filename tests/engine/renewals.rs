//! Renewals: what becomes of requests with the old ticket.

use cloakroom::ErrorKind;
use cloakroom::testing::Verb;

use crate::harness::*;

// behaviours 19 and 45, defects 8 and 9
#[tokio::test]
async fn after_an_explicit_renewal_a_late_request_gets_an_empty_session_that_it_cannot_change() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    visitor.visit(&site, |session| session.flash("info", "for the next")).await?;
    let old = visitor.clone();
    visitor.visit(&site, |session| session.login("ana")).await?;
    for wait in [0, 6, 3] {
        site.clock.advance(SECOND * wait);
        let late = old.arrive(&site).await?;
        assert_eq!((late.len()?, late.user()?, late.handle()?), (0, None, None));
        assert!(late.flashes()?.is_empty());
        let refused = [
            kind(late.set("a", 2)),
            kind(late.update("a", one_more)),
            kind(late.flash("info", "a")),
            kind(late.remember(DAY)),
        ];
        assert_eq!(refused, [Some(ErrorKind::ReadOnly); 4]);
        late.renew()?;
        assert!(is_plain(&late.commit(200).await), "the cookie is the new one's");
    }
    site.clock.advance(SECOND);
    let mut after = old.clone();
    assert!(!after.is_known(&site).await?, "behaviour 45: afterwards it is absent");
    after.visit(&site, |session| session.set("b", 1)).await?;
    assert_ne!(after, old, "and never adopted");
    assert_eq!(visitor.number(&site, "a").await?, Some(1));
    Ok(())
}

// behaviours 71 and 45
#[tokio::test]
async fn beside_a_replaced_ticket_one_that_opens_is_used() -> Result {
    let site = Site::new();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let old = visitor.cookie.clone().expect("a cookie");
    visitor.visit(&site, |session| session.renew()).await?;
    let mut both = Visitor { cookie: Some(format!("{old}; {}", visitor.cookie.expect("a cookie"))) };
    both.visit(&site, |session| session.update("a", one_more)).await?;
    assert_eq!(both.number(&site, "a").await?, Some(2));
    Ok(())
}

// behaviour 44, defect 8
#[tokio::test]
async fn a_request_from_before_a_login_never_lands_in_the_new_session() -> Result {
    for nth in [1, 2] {
        let site = Site::new();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let old = visitor.clone();
        let (planted, saving, login) =
            (visitor.arrive(&site).await?, visitor.arrive(&site).await?, visitor.arrive(&site).await?);
        planted.set("planted", 1)?;
        saving.set("planted", 1)?;
        login.login("ana")?;
        // In the middle of the login and after it.
        let stop = site.store.on(Verb::Swap).nth(nth).pause_after();
        let task = commit_until(&login, &stop).await;
        assert!(is_plain(&planted.commit(200).await));
        stop.resume();
        visitor.take(&task.await.expect("no panic"));
        assert_eq!(kind(saving.save().await), Some(ErrorKind::Ended));
        let session = visitor.arrive(&site).await?;
        assert_eq!((session.keys()?, session.user()?.as_deref()), (vec!["a".to_owned()], Some("ana")));
        assert!(!old.is_known(&site).await? && site.count().await == 1);
    }
    Ok(())
}

// behaviours 24 and 36
#[tokio::test]
async fn a_change_that_lands_before_the_marker_moves_along() -> Result {
    for periodic in [false, true] {
        let site = Site::renewing();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let (quick, renewing) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
        renewing.set("b", 1)?;
        if periodic {
            site.clock.advance(HOUR);
        } else {
            renewing.renew()?;
        }
        let stop = site.store.on(Verb::Create).pause_after();
        let task = commit_until(&renewing, &stop).await;
        let handle = quick.handle()?.expect("a session");
        quick.set_transient("t", 1)?;
        let found = site.record().await;
        site.overwrite(&found, |_| ()).await?;
        stop.resume();
        visitor.take(&task.await.expect("no panic"));
        assert_eq!(visitor.arrive(&site).await?.keys()?, ["a", "b"]);
        assert_eq!(site.store.calls(Verb::Create), 3, "the visitor's, and two attempts");
        assert_eq!(site.traces(handle).await, 2, "a marker and the session: the first attempt was cleaned up");
    }
    Ok(())
}

// behaviour 23
#[tokio::test]
async fn of_two_explicit_renewals_one_wins_and_the_other_is_told() -> Result {
    for point in points_of_a_renewal().take(3) {
        let site = Site::new();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        let (one, two) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
        let handle = one.handle()?.expect("a session");
        one.renew()?;
        two.renew()?;
        let stop = point.stop(&site);
        let slow = save_until(&one, &stop).await;
        assert!(visitor.leave(&two).await.edits.set_cookies().next().is_some());
        stop.resume();
        assert_eq!(kind(slow.await.expect("no panic")), Some(ErrorKind::Ended), "{point:?}");
        assert_eq!(visitor.number(&site, "a").await?, Some(1));
        assert_eq!((site.count().await, site.traces(handle).await), (1, 2));
    }
    Ok(())
}

/// Requests that came with the old ticket around a periodic renewal: all end up with the same new one.
// behaviour 36
#[tokio::test]
async fn with_a_periodic_renewal_parallel_requests_follow_and_merge() -> Result {
    for point in points_of_a_renewal() {
        let site = Site::renewing();
        let mut visitor = Visitor::with(&site, &[("n", 0)]).await?;
        site.clock.advance(HOUR);
        let old = visitor.clone();
        let (before, renewing) = (old.arrive(&site).await?, old.arrive(&site).await?);
        for session in [&before, &renewing] {
            session.update("n", one_more)?;
        }
        let stop = point.stop(&site);
        let task = commit_until(&renewing, &stop).await;
        let (mut one, mut two) = (old.clone(), old.clone());
        // Opened before, and finished in the middle of it; begun and finished in the middle of it.
        assert_eq!(error_of(&one.leave(&before).await), None);
        two.visit(&site, |session| session.update("n", one_more)).await?;
        stop.resume();
        let committed = task.await.expect("no panic");
        assert_eq!(error_of(&committed), None, "{point:?}");
        visitor.take(&committed);
        let mut three = old.clone();
        three.visit(&site, |session| session.update("n", one_more)).await?;
        assert!(visitor != old, "{point:?}");
        assert_eq!([&one, &two, &three], [&visitor; 3], "{point:?}");
        assert_eq!((visitor.number(&site, "n").await?, site.count().await), (Some(4), 1), "{point:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_periodic_renewal_is_followed_in_grace_and_told_to_readers_too() -> Result {
    let site = Site::renewing();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let old = visitor.clone();
    site.clock.advance(HOUR - SECOND);
    visitor.number(&site, "a").await?;
    assert_eq!(visitor, old, "its time has not come");
    site.clock.advance(SECOND);
    visitor.number(&site, "a").await?;
    assert_ne!(visitor, old);
    for wait in [0, 9] {
        site.clock.advance(SECOND * wait);
        let mut late = old.clone();
        assert_eq!(late.number(&site, "a").await?, Some(1));
        assert_eq!(late, visitor, "a lost answer logs nobody out");
    }
    site.clock.advance(SECOND);
    assert!(!old.is_known(&site).await?, "the grace period is over");
    visitor.number(&site, "a").await?;
    site.clock.advance(HOUR);
    let before = visitor.clone();
    visitor.number(&site, "a").await?;
    assert_ne!(visitor, before, "and again an hour later");
    Ok(())
}

// behaviour 36
#[tokio::test]
async fn a_request_from_before_a_periodic_renewal_merges_for_as_long_as_it_runs() -> Result {
    let site = Site::renewing();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let (long, renewing) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
    long.set("long", 1)?;
    site.clock.advance(HOUR);
    renewing.get::<u32>("a")?;
    visitor.leave(&renewing).await;
    site.clock.advance(SECOND * 60);
    let mut same = visitor.clone();
    assert_eq!(error_of(&same.leave(&long).await), None);
    assert_eq!(same, visitor);
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["a", "long"]);
    Ok(())
}

#[tokio::test]
async fn a_periodic_renewal_is_not_followed_through_an_explicit_one() -> Result {
    let site = Site::renewing();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let (old, before) = (visitor.clone(), visitor.arrive(&site).await?);
    before.set("planted", 1)?;
    site.clock.advance(HOUR);
    visitor.number(&site, "a").await?;
    let follower = old.arrive(&site).await?;
    follower.set("planted", 1)?;
    visitor.visit(&site, |session| session.login("ana")).await?;
    assert!(is_plain(&before.commit(200).await));
    assert!(is_plain(&follower.commit(200).await), "a ticket that was cut off would push the new one out of the jar");
    assert!(!old.is_known(&site).await?);
    assert_eq!(visitor.arrive(&site).await?.keys()?, ["a"]);
    Ok(())
}

#[tokio::test]
async fn an_explicit_renewal_goes_on_from_a_periodic_one() -> Result {
    let site = Site::renewing();
    let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
    let (old, login) = (visitor.clone(), visitor.arrive(&site).await?);
    login.login("ana")?;
    site.clock.advance(HOUR);
    visitor.number(&site, "a").await?;
    let between = visitor.clone();
    visitor.leave(&login).await;
    assert!(visitor != between && !old.is_known(&site).await? && !between.is_known(&site).await?);
    let session = visitor.arrive(&site).await?;
    assert_eq!((session.get::<u32>("a")?, session.user()?.as_deref()), (Some(1), Some("ana")));
    assert_eq!(site.count().await, 1);
    Ok(())
}

// behaviour 16
#[tokio::test]
async fn a_touch_prolongs_no_marker() -> Result {
    for periodic in [false, true] {
        let site = Site::renewing();
        let mut visitor = Visitor::with(&site, &[("a", 1)]).await?;
        site.clock.advance(2 * DAY);
        visitor.visit(&site, |session| session.set("a", 2)).await?;
        site.clock.advance(2 * DAY);
        let (reading, renewing) = (visitor.arrive(&site).await?, visitor.arrive(&site).await?);
        let handle = reading.handle()?.expect("a session");
        if periodic {
            renewing.get::<u32>("a")?;
        } else {
            renewing.renew()?;
        }
        reading.get::<u32>("a")?;
        let stop = site.store.on(Verb::Swap).nth(1).pause_after();
        let task = commit_until(&renewing, &stop).await;
        assert_eq!(error_of(&reading.commit(200).await), None);
        stop.resume();
        visitor.take(&task.await.expect("no panic"));
        site.clock.advance(PAST_MARKERS);
        assert_eq!(site.traces(handle).await, 1, "the marker is gone when its time has come");
        assert_eq!(visitor.number(&site, "a").await?, Some(2));
    }
    Ok(())
}
